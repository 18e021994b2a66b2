//! Orders by hand on the wire.

use super::{Unreadable, wire};
use crate::mesh::instruction::{INSTRUCTIONS_MAX, Instruction, WORDS_MAX};
use ringway_router::{Order, Path, Region, Time};
use wire::r#override::Subject;

pub(super) fn to_wire(instruction: &Instruction) -> wire::Override {
    let Instruction { order, given, until, by, why, revoked } = instruction;
    let subject = match order {
        Order::DisableLink { from, to } => {
            Subject::Link(wire::Link { from: from.to_string(), to: to.to_string() })
        }
        Order::DrainRegion(region) => Subject::Region(region.to_string()),
        Order::PinRoute(path) => {
            Subject::Route(wire::Path { regions: path.regions().iter().map(ToString::to_string).collect() })
        }
    };
    wire::Override {
        subject: Some(subject),
        given_us: given.micros(),
        until_us: until.map_or(0, Time::micros),
        by: by.clone(),
        why: why.clone(),
        revoked: *revoked,
    }
}

pub(super) fn all_from_wire(overrides: Vec<wire::Override>) -> Result<Vec<Instruction>, Unreadable> {
    if overrides.len() > INSTRUCTIONS_MAX {
        return Err(Unreadable::TooLong);
    }
    // One of a kind that a later version knows is not for us.
    overrides.into_iter().filter(|one| one.subject.is_some()).map(from_wire).collect()
}

fn from_wire(from: wire::Override) -> Result<Instruction, Unreadable> {
    let wire::Override { subject, given_us, until_us, by, why, revoked } = from;
    if by.len() > WORDS_MAX || why.len() > WORDS_MAX {
        return Err(Unreadable::TooLong);
    }
    let region = |name: &str| Region::try_from(name).map_err(|_| Unreadable::Name(name.to_owned()));
    let order = match subject.ok_or(Unreadable::Encoding)? {
        Subject::Link(wire::Link { from, to }) => {
            Order::DisableLink { from: region(&from)?, to: region(&to)? }
        }
        Subject::Region(name) => Order::DrainRegion(region(&name)?),
        Subject::Route(wire::Path { regions }) => {
            let named = regions.iter().map(|name| region(name)).collect::<Result<Vec<_>, _>>()?;
            Order::PinRoute(Path::new(named).map_err(|_| Unreadable::Name(regions.join(" > ")))?)
        }
    };
    Ok(Instruction {
        order,
        given: Time::from_micros(given_us),
        until: (until_us > 0).then(|| Time::from_micros(until_us)),
        by,
        why,
        revoked,
    })
}
