//! Watches: the present, a marker, then what is other than it was.

use super::{Answer, Desk, List};
use crate::control::Control;
use ringway_proto::admin::Marker;
use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};
use tokio_stream::Stream;
use tonic::{Response, Status as Refusal};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Events that may wait for a watcher.
const QUEUE: usize = 1_024;
/// A watcher that takes nothing for so long is cut off. Until then it misses only what was over in between.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a watch tells of one list.
pub(super) enum News<T, K> {
    Present(T),
    Marker(Marker),
    Changed(T),
    Gone(K),
}

/// Watches a list. `list` gives the present by key, with what counts as a difference: an age, say, does not.
pub(super) async fn watch<K, D, T, E>(
    desk: &Desk,
    list: impl Fn(&mut Control) -> Vec<(K, D, T)> + Copy + Send + 'static,
    event: impl Fn(News<T, K>) -> E + Send + 'static,
) -> Answer<List<E>>
where
    K: Ord + Clone + Send + 'static,
    D: PartialEq + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let first = desk.ask(list).await?;
    let control = desk.control.clone();
    let (sender, receiver) = mpsc::channel(QUEUE);
    let (last_word, last_heard) = oneshot::channel();
    tokio::spawn(async move {
        let mut known = BTreeMap::new();
        let mut news: Vec<E> = Vec::new();
        for (key, seen, item) in first {
            known.insert(key, seen);
            news.push(event(News::Present(item)));
        }
        news.push(event(News::Marker(Marker {})));
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            for event in news.drain(..) {
                match sender.send_timeout(event, PATIENCE).await {
                    Ok(()) => {}
                    Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                        // A watcher that lost something must not believe that it knows.
                        let _ = last_word.send(Refusal::data_loss("too slow; watch anew"));
                        return;
                    }
                    Err(mpsc::error::SendTimeoutError::Closed(_)) => return,
                }
            }
            tokio::select! {
                _ = looks.tick() => {}
                () = sender.closed() => return,
            }
            let Some(present) = control.ask(list).await else { return };
            news = differences(&mut known, present).into_iter().map(&event).collect();
        }
    });
    Ok(Response::new(Box::pin(Watch { news: receiver, last: Some(last_heard) })))
}

/// The events, then the reason why there are no more, if there is one.
struct Watch<E> {
    news: mpsc::Receiver<E>,
    last: Option<oneshot::Receiver<Refusal>>,
}

impl<E> Stream for Watch<E> {
    type Item = Result<E, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.news.poll_recv(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Some(Ok(event))),
            // The task is gone, so its last word has been said, or never will be.
            Poll::Ready(None) => {
                let last = self.last.take().and_then(|mut last| last.try_recv().ok());
                Poll::Ready(last.map(Err))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What is other in the present than it was, which it replaces.
fn differences<K: Ord + Clone, D: PartialEq, T>(
    known: &mut BTreeMap<K, D>,
    present: Vec<(K, D, T)>,
) -> Vec<News<T, K>> {
    let mut news = Vec::new();
    let mut before = std::mem::take(known);
    for (key, seen, item) in present {
        if before.remove(&key).is_none_or(|was| was != seen) {
            news.push(News::Changed(item));
        }
        known.insert(key, seen);
    }
    news.extend(before.into_keys().map(News::Gone));
    news
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_tells_what_is_other_than_it_was() {
        let mut known = BTreeMap::from([("a", 1), ("b", 2), ("c", 3)]);
        let news = differences(&mut known, vec![("a", 1, "a1"), ("b", 5, "b5"), ("d", 4, "d4")]);
        let words: Vec<String> = news
            .into_iter()
            .map(|news| match news {
                News::Present(item) => format!("present {item}"),
                News::Marker(Marker {}) => "marker".to_owned(),
                News::Changed(item) => format!("changed {item}"),
                News::Gone(key) => format!("gone {key}"),
            })
            .collect();
        assert_eq!(words, ["changed b5", "changed d4", "gone c"]);
        assert!(differences(&mut known, vec![("a", 1, ()), ("b", 5, ()), ("d", 4, ())]).is_empty());
    }
}
