//! TLS is agreed on, in either direction, or the connection is of no use; then a metric label says why.

use rustls::{
    CertificateError, ClientConfig, Error, ServerConfig, pki_types::CertificateDer, pki_types::ServerName,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

const TIMEOUT: &str = "handshake_timeout";

/// Agrees with one who has come. Gives the certificate that the client has shown and that our authority has issued.
pub(super) async fn answer(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    limit: Duration,
) -> Result<(server::TlsStream<TcpStream>, Option<CertificateDer<'static>>), &'static str> {
    let answering = TlsAcceptor::from(config).accept(stream);
    let stream = timeout(limit, answering).await.map_err(|_| TIMEOUT)?.map_err(|error| label(&error))?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
    Ok((stream, certificate))
}

/// Agrees with one whom we have dialed, and who has to be `host`.
pub(super) async fn call(
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
    stream: TcpStream,
    limit: Duration,
) -> Result<client::TlsStream<TcpStream>, &'static str> {
    let calling = TlsConnector::from(config).connect(host, stream);
    timeout(limit, calling).await.map_err(|_| TIMEOUT)?.map_err(|error| label(&error))
}

/// What is wrong. Also after the handshake: in TLS 1.3 a client learns only then that its certificate was refused.
pub(super) fn label(error: &io::Error) -> &'static str {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    let Some(error) = error else { return "broken" };
    match error {
        Error::NoCertificatesPresented => "certificate_missing",
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "not_tls",
        Error::AlertReceived(_) => "tls_refused",
        _ => "tls_failed",
    }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        // Another authority; or one that only bears the name of ours.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "certificate_untrusted",
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "certificate_expired",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate_name"
        }
        _ => "certificate_bad",
    }
}
