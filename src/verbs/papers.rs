//! How an operator shows who they are: TLS with a certificate of their own.

use super::VerbError;
use crate::cli::Papers;
use std::{error::Error, fs, path::Path};
use tonic::{
    Status,
    transport::{Certificate, ClientTlsConfig, Identity},
};

/// The address as a URL. Who has papers means TLS.
pub(super) fn url(address: &str, papers: &Papers) -> String {
    let secure = papers.tls_ca.is_some() || papers.tls_cert.is_some();
    match (address.strip_prefix("http://"), secure) {
        (Some(rest), true) => format!("https://{rest}"),
        (None, _) if address.contains("://") => address.to_owned(),
        (None, true) => format!("https://{address}"),
        (None, false) => format!("http://{address}"),
        (Some(_), false) => address.to_owned(),
    }
}

pub(super) fn tls(papers: &Papers) -> Result<ClientTlsConfig, VerbError> {
    let mut tls = ClientTlsConfig::new();
    if let Some(authority) = &papers.tls_ca {
        tls = tls.ca_certificate(Certificate::from_pem(read(authority)?));
    }
    if let (Some(certificate), Some(key)) = (&papers.tls_cert, &papers.tls_key) {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    if let Some(name) = &papers.tls_name {
        tls = tls.domain_name(name);
    }
    Ok(tls)
}

fn read(file: &Path) -> Result<Vec<u8>, VerbError> {
    fs::read(file).map_err(|source| VerbError::File { file: file.to_owned(), source })
}

/// What the node said. A certificate that it refuses ends the connection, and the reason stands below that.
pub(super) fn told(status: &Status) -> String {
    match status.source() {
        Some(cause) => format!("{}: {}", status.message(), causes(cause)),
        None => status.message().to_owned(),
    }
}

/// gRPC says "transport error"; the reason is below it.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_mean_tls() {
        let none = Papers::default();
        let some = Papers { tls_ca: Some("ca.pem".into()), ..Papers::default() };
        for (address, papers, want) in [
            ("10.0.0.1:50051", &none, "http://10.0.0.1:50051"),
            ("10.0.0.1:50051", &some, "https://10.0.0.1:50051"),
            ("http://10.0.0.1:50051", &some, "https://10.0.0.1:50051"),
            ("http://10.0.0.1:50051", &none, "http://10.0.0.1:50051"),
            ("https://w1:50051", &none, "https://w1:50051"),
        ] {
            assert_eq!(url(address, papers), want);
        }
    }
}
