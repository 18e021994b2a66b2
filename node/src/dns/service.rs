//! Where the nodes of a service are (RFC 2782): every one of them, not one to try. What is found is not remembered: who
//! asks, asks now and then, and wants to know what is true now.

use super::{
    DnsError, Resolver,
    question::{Answer, Kind, Question, Record},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tokio::{task::JoinSet, time::timeout};

/// Hosts that a service may have: a mesh, and an end to what a wrong answer can make us ask.
const HOSTS_MAX: usize = 2_048;
/// Hosts that are looked up at one time.
const AT_ONCE: usize = 16;

impl Resolver {
    /// Every address and port of a service, such as `_ringway._tcp.mesh.example.net`. Hosts whose addresses do not come
    /// are left out. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DnsError::Missing`] when DNS says that there is no such service, [`DnsError::Away`] when it does not answer.
    pub async fn service(&self, name: &str) -> Result<Vec<SocketAddr>, DnsError> {
        let records = self.ask_within(name, Kind::Srv).await?;
        let mut hosts = records.into_iter().filter_map(|record| match record {
            // The root says that there is no such service.
            Record::Srv { port, host, .. } if !host.is_empty() => Some((host, port)),
            _ => None,
        });
        let mut hosts: Vec<(Arc<str>, u16)> = hosts.by_ref().take(HOSTS_MAX).collect();
        let (mut found, mut asked) = (Vec::new(), JoinSet::new());
        loop {
            while asked.len() < AT_ONCE
                && let Some((host, port)) = hosts.pop()
            {
                let this = self.clone();
                asked.spawn(async move { (this.addresses(&host).await, port) });
            }
            match asked.join_next().await {
                Some(Ok((Ok(addresses), port))) => {
                    found.extend(addresses.into_iter().map(|address| SocketAddr::new(address, port)));
                }
                Some(_) => {}
                None => break,
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Every address of a host, IPv4 and IPv6. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DnsError::Missing`] when DNS says that there is none, [`DnsError::Away`] when it does not answer.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let (v4, v6) = tokio::join!(self.ask_within(host, Kind::A), self.ask_within(host, Kind::Aaaa));
        if let (Err(why), Err(_)) = (&v4, &v6) {
            return Err(why.clone());
        }
        let records = v4.unwrap_or_default().into_iter().chain(v6.unwrap_or_default());
        let address = |record| match record {
            Record::Address(address) => Some(address),
            Record::Naptr { .. } | Record::Srv { .. } => None,
        };
        Ok(records.filter_map(address).collect())
    }

    async fn ask_within(&self, name: &str, kind: Kind) -> Result<Vec<Record>, DnsError> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let question = Question { name: name.into(), kind };
        match timeout(self.timeout, self.servers.ask(&question)).await {
            Ok(Answer::Records { records, .. }) => Ok(records),
            Ok(Answer::Nothing { .. }) => Err(DnsError::Missing),
            Ok(Answer::Failed) | Err(_) => Err(DnsError::Away),
        }
    }
}
