//! Which row of the steering table a call follows: the numbers that the workers know stand for a region and a slice of the
//! calls there. Pure.

use crate::core::{
    mesh::{Routes, Row},
    relay::{Follower, RouteKey},
};
use ringway_router::{Condition, Path, Protect, Reaction, Region, Slice, Time, Traffic};
use std::collections::{BTreeMap, BTreeSet};

/// Numbers that are handed out at most: regions, times the slices that policies ever told apart.
const KEYS_MAX: usize = 65_536;

/// What the mesh says of routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// One for each region and slice.
    pub(crate) routes: Vec<Wish>,
    /// What tells the slice of a call.
    pub(crate) conditions: Vec<Condition>,
}

/// How calls of one slice get to one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) to: Region,
    pub(crate) slice: Slice,
    pub(crate) paths: Vec<Path>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) protect: Protect,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Book {
    made_at: Time,
    wishes: Wishes,
    keys: BTreeMap<(Region, Slice), RouteKey>,
    /// By number: the region, and the call that it was made for. By that call its slice is found again when the rules change.
    known: Vec<(Region, Traffic)>,
}

impl Book {
    /// The mesh has made a table. True: calls are sorted anew, see [`Self::sort`].
    pub(crate) fn learn(&mut self, now: Time, wishes: Wishes) -> bool {
        self.made_at = now;
        let anew = wishes.conditions != self.wishes.conditions;
        if anew {
            self.keys.clear();
            for (number, (to, traffic)) in (0..).zip(&self.known) {
                let slice = slice_of(&wishes.conditions, traffic);
                self.keys.entry((to.clone(), slice)).or_insert(RouteKey(number));
            }
        }
        self.wishes = wishes;
        anew
    }

    /// The rows that these calls follow now, where it is another one than before.
    pub(crate) fn sort(&mut self, followers: BTreeSet<Follower>) -> BTreeMap<Follower, RouteKey> {
        let mut others = BTreeMap::new();
        for (traffic, before) in followers {
            let to = usize::try_from(before.0).ok().and_then(|number| self.known.get(number));
            let Some(to) = to.map(|(to, _)| to.clone()) else { continue };
            // Where there is no room, the call goes on as before.
            let Some((now, _)) = self.key(&to, &traffic).filter(|(now, _)| *now != before) else { continue };
            others.insert((traffic, before), now);
        }
        others
    }

    /// The row that this call follows; true: a new one, which the workers do not know yet. `None`: there is no room for
    /// another row.
    pub(crate) fn key(&mut self, to: &Region, traffic: &Traffic) -> Option<(RouteKey, bool)> {
        let of = (to.clone(), slice_of(&self.wishes.conditions, traffic));
        if let Some(key) = self.keys.get(&of) {
            return Some((*key, false));
        }
        let number = u32::try_from(self.known.len()).ok().filter(|_| self.known.len() < KEYS_MAX)?;
        self.known.push((to.clone(), traffic.clone()));
        self.keys.insert(of, RouteKey(number));
        Some((RouteKey(number), true))
    }

    /// All rows, as workers want them.
    pub(crate) fn routes(&self) -> Routes {
        let rows = (0..).zip(&self.known).filter_map(|(number, (to, traffic))| {
            let Wish { to, slice: _, paths, reactions, protect } = self.wish(to, traffic)?.clone();
            Some(Row { key: RouteKey(number), to, paths, reactions, protect })
        });
        Routes { made_at: self.made_at, rows: rows.collect() }
    }

    /// The route of a call. A class without routes of its own rides with voice.
    fn wish(&self, to: &Region, traffic: &Traffic) -> Option<&Wish> {
        let slice = slice_of(&self.wishes.conditions, traffic);
        let find =
            |slice: &Slice| self.wishes.routes.iter().find(|wish| (&wish.to, &wish.slice) == (to, slice));
        find(&slice).or_else(|| find(&Slice { class: Slice::voice().class, ..slice }))
    }
}

fn slice_of(conditions: &[Condition], traffic: &Traffic) -> Slice {
    let fitting = conditions.iter().filter(|condition| condition.fits(traffic));
    let rules = fitting.fold(0, |rules, condition| rules | 1_u64.unbounded_shl(condition.bit));
    Slice { class: traffic.class.clone(), rules }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    fn call(called: &str) -> Traffic {
        Traffic { called: called.to_owned(), ..Traffic::voice() }
    }

    /// A route over these regions.
    fn wish(regions: &[&str], rules: u64) -> Wish {
        let path = Path::new(regions.iter().map(|name| region(name))).unwrap();
        Wish {
            to: path.destination().clone(),
            slice: Slice { rules, ..Slice::voice() },
            paths: vec![path],
            reactions: Vec::new(),
            protect: Protect::OnSuspicion,
        }
    }

    fn asks(bit: u32, start: &str) -> Condition {
        Condition { bit, classes: Vec::new(), tenants: Vec::new(), called: vec![start.to_owned()] }
    }

    /// The regions of the first path of each row.
    fn rows(book: &Book) -> Vec<(RouteKey, String)> {
        let row = |row: &Row| {
            let names: Vec<&str> = row.paths[0].regions().iter().map(Region::as_str).collect();
            (row.key, names.join("-"))
        };
        book.routes().rows.iter().map(row).collect()
    }

    #[test]
    fn calls_of_one_slice_share_a_row_and_a_rule_that_tells_them_apart_gives_them_two() {
        let mut book = Book::default();
        let direct = vec![wish(&["a", "b"], 0)];
        book.learn(Time::from_millis(1), Wishes { routes: direct, conditions: Vec::new() });
        assert_eq!(book.key(&region("b"), &call("+1")), Some((RouteKey(0), true)));
        assert_eq!(book.key(&region("b"), &call("+49")), Some((RouteKey(0), false)));
        assert_eq!(rows(&book), [(RouteKey(0), "a-b".to_owned())]);

        let routes = vec![wish(&["a", "b"], 0), wish(&["a", "c", "b"], 0b10)];
        book.learn(Time::from_millis(2), Wishes { routes, conditions: vec![asks(1, "+1")] });
        assert_eq!(rows(&book), [(RouteKey(0), "a-c-b".to_owned())], "the call to +1 goes by its rule");
        assert_eq!(book.key(&region("b"), &call("+49")), Some((RouteKey(1), true)));
        assert_eq!(book.key(&region("b"), &call("+17")), Some((RouteKey(0), false)));
        let both = [(RouteKey(0), "a-c-b".to_owned()), (RouteKey(1), "a-b".to_owned())];
        assert_eq!(rows(&book), both);
    }

    #[test]
    fn calls_are_sorted_anew_when_the_rules_change() {
        let mut book = Book::default();
        let direct = vec![wish(&["a", "b"], 0)];
        book.learn(Time::from_millis(1), Wishes { routes: direct.clone(), conditions: Vec::new() });
        let calls = ["+1", "+17", "+49"].map(|called| Arc::new(call(called)));
        let followers: BTreeSet<Follower> =
            calls.iter().map(|call| (Arc::clone(call), RouteKey(0))).collect();
        calls.iter().for_each(|call| _ = book.key(&region("b"), call));
        assert!(book.sort(followers.clone()).is_empty());

        let routes = vec![wish(&["a", "b"], 0), wish(&["a", "c", "b"], 0b1)];
        assert!(book.learn(Time::from_millis(2), Wishes { routes, conditions: vec![asks(0, "+4")] }));
        let others: Vec<_> = book.sort(followers).into_iter().collect();
        assert_eq!(others, [((Arc::clone(&calls[2]), RouteKey(0)), RouteKey(1))], "the others stay");
        assert_eq!(rows(&book), [(RouteKey(0), "a-b".to_owned()), (RouteKey(1), "a-c-b".to_owned())]);
    }

    #[test]
    fn a_class_without_routes_rides_with_voice_and_a_region_without_routes_has_no_row() {
        let mut book = Book::default();
        let wishes = Wishes { routes: vec![wish(&["a", "b"], 0)], conditions: Vec::new() };
        book.learn(Time::from_millis(1), wishes);
        let video = Traffic { class: "video".parse().unwrap(), ..Traffic::voice() };
        assert!(book.key(&region("b"), &video).is_some() && book.key(&region("z"), &video).is_some());
        assert_eq!(rows(&book), [(RouteKey(0), "a-b".to_owned())]);
    }

    #[test]
    fn there_are_only_so_many_rows() {
        let mut book = Book::default();
        for n in 0..KEYS_MAX {
            assert!(book.key(&region(&format!("r{n}")), &call("")).is_some());
        }
        assert_eq!(book.key(&region("more"), &call("")), None);
        assert_eq!(book.key(&region("r0"), &call("")), Some((RouteKey(0), false)));
    }
}
