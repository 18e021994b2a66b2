//! TLS from outside: a client that trusts the authority of a world, and TLS around a peer that has none of its own.

use ringway_lab::world::Node;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The certificate of the authority that a node trusts.
pub(crate) fn authority(node: &Node) -> PathBuf {
    node.config_file().with_file_name("ca.pem")
}

/// A client without a certificate.
pub(crate) fn client(node: &Node) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority(node)).expect("the lab wrote it");
    roots.add(authority).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the library's own");
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Over TCP from an address of ours.
pub(crate) async fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from, 0)).expect("all of 127/8 is ours");
    socket.connect(to).await.expect("the node takes it")
}

/// Over TLS; the certificate has to be for the address.
pub(crate) async fn connect_tls(client: &TlsConnector, from: IpAddr, to: SocketAddr) -> TlsStream<TcpStream> {
    let stream = connect(from, to).await;
    client.connect(ServerName::IpAddress(to.ip().into()), stream).await.expect("TLS is agreed on")
}

/// Carries each TCP connection to the address that it gives on to `to` over TLS.
pub(crate) async fn tunnel(client: TlsConnector, from: IpAddr, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((from, 0)).await.expect("all of 127/8 is ours");
    let at = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let client = client.clone();
            tokio::spawn(async move {
                let mut sealed = connect_tls(&client, from, to).await;
                // Either side may end it.
                let _ = copy_bidirectional(&mut plain, &mut sealed).await;
            });
        }
    });
    at
}
