//! Who sends (RFC 8866 §6.7).

/// The direction of a stream, as seen from whom the description is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// It only sends: the other one is on hold.
    SendOnly,
    /// It only listens.
    RecvOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// The direction that an attribute of this name gives; `None` for other attributes.
    pub fn named(name: &str) -> Option<Direction> {
        Some(match name {
            "sendrecv" => Direction::SendRecv,
            "sendonly" => Direction::SendOnly,
            "recvonly" => Direction::RecvOnly,
            "inactive" => Direction::Inactive,
            _ => return None,
        })
    }

    /// The attribute.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The same, as seen from the other end.
    #[must_use]
    pub fn reversed(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            both @ (Direction::SendRecv | Direction::Inactive) => both,
        }
    }

    /// Whether whom it is of sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether whom it is of listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::Direction;

    #[test]
    fn names_are_read_again_and_the_other_end_hears_what_this_one_sends() {
        for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        {
            assert_eq!(Direction::named(direction.name()), Some(direction));
            assert_eq!(direction.reversed().receives(), direction.sends());
            assert_eq!(direction.reversed().sends(), direction.receives());
        }
        assert_eq!(Direction::named("sendRecv"), None);
    }
}
