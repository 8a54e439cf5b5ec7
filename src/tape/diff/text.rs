use super::{Difference, Entry};
use std::fmt;

/// The columns of [`Entry::what`].
const WHAT: usize = 40;

/// As `kubetape diff` prints it; nothing when nothing differs.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.entries.is_empty() {
            writeln!(f, " writes   {} → {}", self.writes.0, self.writes.1)?;
        }
        for entry in &self.entries {
            write!(f, "{entry}")?;
        }
        for note in &self.notes {
            writeln!(f, "   note   {} {} → {} (not compared)", note.what, note.old, note.new)?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Added { what, after: Some(after) } => writeln!(f, " + {what:WHAT$}  new, after {after}"),
            Entry::Added { what, after: None } => writeln!(f, " + {what:WHAT$}  new, the first"),
            Entry::Removed { what } => writeln!(f, " - {what:WHAT$}  gone"),
            Entry::Changed { what, changes } => {
                let mut left = what.as_str();
                for change in changes {
                    writeln!(f, " ~ {left:WHAT$}  {change}")?;
                    left = "";
                }
                Ok(())
            }
        }
    }
}
