//! What a browser would show of a relay alone.

use std::net::Ipv4Addr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The body of `path`.
pub(crate) async fn page(ip: Ipv4Addr, path: &str) -> String {
    let mut stream = TcpStream::connect((ip, 9090)).await.expect("somebody listens");
    let question = format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    answer.split_once("\r\n\r\n").expect("an HTTP answer").1.to_owned()
}
