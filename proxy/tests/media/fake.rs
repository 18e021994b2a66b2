//! A media relay that only pretends: the service on loopback, with the habits of one that is slow, refuses, or is dead.

use ringway_proto::media::{
    CallEvent, CallReport, DeleteRequest, Description, Lease, ListCallsRequest, MeshWord, QueryRequest,
    RelayWord, RenewRequest, WatchRequest,
    media_server::{Media, MediaServer},
    mesh_word::Word,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Code, Request, Response, Status, Streaming, transport::Server};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// How it answers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Habit {
    /// So long after an order.
    pub(crate) delay: Duration,
    /// With this instead of an answer.
    pub(crate) refuses: Option<Code>,
}

/// What it was told.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) habit: Habit,
    /// `offer c1`, `answer c1`, `delete c1`, as each was done.
    pub(crate) done: Vec<String>,
    pub(crate) last: Option<Description>,
    pub(crate) renewals: Vec<String>,
    pub(crate) words: Vec<Word>,
    /// What goes to the proxy by the stream that is open.
    pub(crate) stream: Option<mpsc::Sender<Result<RelayWord, Status>>>,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) at: SocketAddr,
    name: &'static str,
    book: Arc<Mutex<Book>>,
}

impl Fake {
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let fake = Self { at, name, book: Arc::default() };
        let service = MediaServer::new(fake.clone());
        let server =
            Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(async move { server.await.unwrap() });
        fake
    }

    /// An address at which nobody listens.
    pub(crate) async fn dead() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    pub(crate) fn book<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.book.lock().unwrap())
    }

    pub(crate) fn behave(&self, habit: Habit) {
        self.book(|book| book.habit = habit);
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Book) -> bool) {
        eventually(what, || self.book(|book| so(book))).await;
    }

    /// Says something on the stream.
    pub(crate) async fn say(&self, word: RelayWord) {
        self.until("a stream", |book| book.stream.is_some()).await;
        let stream = self.book(|book| book.stream.clone()).unwrap();
        stream.send(Ok(word)).await.unwrap();
    }

    async fn carry_out(&self, what: &str, call_id: &str) -> Result<(), Status> {
        let Habit { delay, refuses } = self.book(|book| book.habit);
        sleep(delay).await;
        self.book(|book| book.done.push(format!("{what} {call_id}")));
        refuses.map_or(Ok(()), |code| Err(Status::new(code, "as it was told")))
    }

    async fn rewrite(&self, what: &str, order: Description) -> Result<Response<Description>, Status> {
        let call_id = order.call_id.clone();
        self.book(|book| book.last = Some(order.clone()));
        self.carry_out(what, &call_id).await?;
        let sdp =
            format!("v=0\r\no={} 1 1 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n", self.name).into_bytes();
        Ok(Response::new(Description { sdp, ..order }))
    }
}

/// Waits for a state, with a limit.
pub(crate) async fn eventually(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(LIMIT, wait).await.is_ok(), "waited in vain for {what}");
}

#[tonic::async_trait]
impl Media for Fake {
    type ListCallsStream = ReceiverStream<Result<CallReport, Status>>;
    type WatchStream = ReceiverStream<Result<CallEvent, Status>>;
    type SteerStream = ReceiverStream<Result<RelayWord, Status>>;

    async fn offer(&self, request: Request<Description>) -> Result<Response<Description>, Status> {
        self.rewrite("offer", request.into_inner()).await
    }

    async fn answer(&self, request: Request<Description>) -> Result<Response<Description>, Status> {
        self.rewrite("answer", request.into_inner()).await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<CallReport>, Status> {
        self.carry_out("delete", &request.into_inner().call_id).await?;
        Ok(Response::new(CallReport::default()))
    }

    async fn query(&self, _: Request<QueryRequest>) -> Result<Response<CallReport>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn list_calls(
        &self,
        _: Request<ListCallsRequest>,
    ) -> Result<Response<Self::ListCallsStream>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Lease>, Status> {
        let habit = self.book(|book| book.habit);
        sleep(habit.delay).await;
        self.book(|book| book.renewals.push(request.into_inner().controller));
        Ok(Response::new(Lease { lasts_ms: 1_500 }))
    }

    async fn steer(
        &self,
        request: Request<Streaming<MeshWord>>,
    ) -> Result<Response<Self::SteerStream>, Status> {
        let (sender, receiver) = mpsc::channel(8);
        self.book(|book| book.stream = Some(sender));
        let (mut words, fake) = (request.into_inner(), self.clone());
        tokio::spawn(async move {
            while let Ok(Some(word)) = words.message().await {
                fake.book(|book| book.words.extend(word.word));
            }
            fake.book(|book| book.stream = None);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
