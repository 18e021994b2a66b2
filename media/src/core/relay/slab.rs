//! Things by small numbers that are used again.

/// Things by number. Each stands in a box of its own, so that growing moves pointers and no calls.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, thing: T) -> u32 {
        let thing = Some(Box::new(thing));
        if let Some(number) = self.free.pop() {
            self.places[number as usize] = thing;
            return number;
        }
        self.places.push(thing);
        u32::try_from(self.places.len() - 1).expect("calls and their legs are bounded far below 2^32")
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Box<T>> {
        let thing = self.places.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(thing)
    }

    pub(super) fn find(&self, number: u32) -> Option<&T> {
        self.places.get(number as usize)?.as_deref()
    }

    pub(super) fn find_mut(&mut self, number: u32) -> Option<&mut T> {
        self.places.get_mut(number as usize)?.as_deref_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(Option::as_deref_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.places).filter_map(|(number, thing)| Some((number, thing.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_never_twice_at_a_time() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(a).map(|thing| *thing), Some('a'));
        assert_eq!((slab.remove(a), slab.remove(99)), (None, None));
        assert_eq!(slab.find(a), None);
        let c = slab.insert('c');
        assert_eq!((c, slab.len()), (a, 2));
        *slab.find_mut(b).unwrap() = 'd';
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(a, &'c'), (b, &'d')]);
    }
}
