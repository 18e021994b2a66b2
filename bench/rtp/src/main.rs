//! Sets up calls at a media relay by the ng protocol, sends RTP through them both ways, and says what it cost the relay
//! and what became of the packets: one line of `key=value` for each rate. `bench/rtp-vs-rtpengine` drives it.
//!
//! `rtp-load NG PID CALLS RATES SECONDS`: the relay's ng address and process, calls, packets a second and stream
//! (`50,100,200`; each is measured for so many seconds). With `-` for both NG and PID the packets go straight from
//! endpoint to endpoint: what loopback and this program take by themselves.

mod load;
mod ng;
mod process;

use load::{Endpoints, Load};
use ng::Ng;
use process::Process;
use std::{env, error::Error, io, net::SocketAddr};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [relay, pid, calls, rates, seconds] = arguments.as_slice() else {
        return Err("usage: rtp-load NG PID CALLS RATES SECONDS".into());
    };
    let (calls, seconds): (usize, u64) = (calls.parse()?, seconds.parse()?);
    let endpoints = Endpoints::bind(calls)?;
    if relay == "-" {
        let straight = (0..2 * calls).map(|stream| endpoints.address(endpoints.opposite(stream))).collect();
        let mut load = Load::new(endpoints, straight);
        for rate in rates.split(',') {
            println!("rate={rate} {}", load.run(rate.parse()?, seconds)?);
        }
        return Ok(());
    }
    let (mut ng, process) = (Ng::connect(relay.parse()?)?, Process::new(pid.parse()?));
    // Buffers that all calls share are touched by other calls first, so that memory is what a call more takes.
    let others = Endpoints::bind(calls)?;
    let to = set_up(&mut ng, &others, "other", calls)?;
    Load::new(others, to).run(100, 2)?;
    let at_rest = process.resident_bytes()?;
    let to = set_up(&mut ng, &endpoints, "call", calls)?;
    let mut load = Load::new(endpoints, to);
    // Each leg has heard its endpoint, and every buffer has been used, before anything is counted.
    load.run(50, 1)?;
    for rate in rates.split(',') {
        let (before, mine) = (process.cpu_seconds()?, Process::own().cpu_seconds()?);
        let result = load.run(rate.parse()?, seconds)?;
        let cost = |seconds: f64| seconds * 1e6 / result.sent as f64;
        println!(
            "rate={rate} us_per_packet={:.3} generator_us={:.3} memory_per_call={} {result}",
            cost(process.cpu_seconds()? - before),
            cost(Process::own().cpu_seconds()? - mine),
            process.resident_bytes()?.saturating_sub(at_rest) / calls as u64,
        );
    }
    for call in 0..calls {
        ng.delete(&name("call", call))?;
        ng.delete(&name("other", call))?;
    }
    Ok(())
}

/// Where each stream has to be sent: first those of all callers, then those of all callees.
fn set_up(ng: &mut Ng, endpoints: &Endpoints, kind: &str, calls: usize) -> io::Result<Vec<SocketAddr>> {
    let (mut callers, mut callees) = (Vec::new(), Vec::new());
    for call in 0..calls {
        // What the offer brings stands before the callee, what the answer brings before the caller.
        callees.push(ng.offer(&name(kind, call), endpoints.address(call))?);
        callers.push(ng.answer(&name(kind, call), endpoints.address(calls + call))?);
    }
    callers.append(&mut callees);
    Ok(callers)
}

fn name(kind: &str, call: usize) -> String {
    format!("{kind}-{call}@bench")
}
