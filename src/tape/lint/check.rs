use super::{Error, Reader, Record, SealOptions, Tape, secrets};
use crate::entropy;
use jiff::Timestamp;
use serde::Serialize;
use std::{fmt, path::Path, time::Duration};

/// Larger tapes are a burden for everyone who clones the repository.
const LARGE: u64 = 1_000_000;

/// What is looked for besides what is always looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LintOptions {
    /// A recording older than this is a finding; by default none is.
    pub max_age: Option<Duration>,
}

/// Something that a tape should not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `K001` and so on.
    pub code: &'static str,
    /// The line of the record, 0 for the whole file.
    pub line: usize,
    /// The event's number, 0 for the whole file.
    pub n: u64,
    /// What it is.
    pub text: String,
    /// What to do about it.
    pub next: &'static str,
}

/// `212: K001 looks like a JWT: data.token (decoded)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}: ", self.line)?;
        } else {
            f.write_str(" ")?;
        }
        write!(f, "{} {}", self.code, self.text)
    }
}

const RECORD: &str = "record again with KUBETAPE_RECORD=all";

/// Looks through the tape at `path`.
///
/// # Errors
/// [`Error::Open`] when there is no such file. A tape that cannot be read further is a finding, not an error.
pub fn lint(path: impl AsRef<Path>, options: &LintOptions) -> Result<Vec<Finding>, Error> {
    let path = path.as_ref();
    let mut findings = Vec::new();
    let mut reader = Reader::open(path)?;
    let mut broken = false;
    while let Some(record) = reader.next() {
        let line = reader.line_of_last();
        match record {
            Ok(Record::Header(header)) => {
                findings.extend(old(&header.base, options));
                if header.source == "sim" {
                    let text = "recorded on the simulator, not on a real API server".to_owned();
                    findings.push(Finding {
                        code: "K006",
                        line: 0,
                        n: 0,
                        text,
                        next: "record it on a cluster",
                    });
                }
            }
            Ok(Record::End { end, .. }) if end != "ok" => {
                let text = format!("its recording ended early: {end}");
                findings.push(Finding { code: "K008", line, n: 0, text, next: RECORD });
            }
            Ok(record) => findings.extend(secrets(&record, line)),
            Err(error) => {
                broken = true;
                let next = if matches!(error, Error::Cut { .. }) { "kubetape fmt" } else { RECORD };
                findings.push(Finding { code: "K000", line: 0, n: 0, text: chain(&error), next });
            }
        }
    }
    let open = |source| Error::Open { path: path.to_owned(), source };
    if !broken {
        let text = std::fs::read_to_string(path).map_err(open)?;
        findings.extend(canonical(&text));
    }
    let size = std::fs::metadata(path).map_err(open)?.len();
    if size > LARGE {
        let text = format!("{:.1} MB is large for a repository", size as f64 / 1e6);
        findings.push(Finding {
            code: "K007",
            line: 0,
            n: 0,
            text,
            next: "record fewer resources, or use Git LFS",
        });
    }
    Ok(findings)
}

fn secrets(record: &Record, line: usize) -> Vec<Finding> {
    let n = if let Record::Event { n, .. } = record { *n } else { 0 };
    let next = "look at it: kubetape fmt redacts what it knows; change a secret that was ever pushed";
    secrets::in_record(record).into_iter().map(|text| Finding { code: "K001", line, n, text, next }).collect()
}

fn old(base: &str, options: &LintOptions) -> Option<Finding> {
    let limit = options.max_age?;
    let base: Timestamp = base.parse().ok()?;
    let age = Duration::try_from(entropy::now().duration_since(base)).ok()?;
    let days = |duration: Duration| duration.as_secs() / 86_400;
    let text = format!("recorded {} days ago (limit {}d)", days(age), days(limit));
    (age > limit).then_some(Finding { code: "K002", line: 0, n: 0, text, next: RECORD })
}

/// A sealed tape is in its canonical form when sealing it again changes nothing.
fn canonical(text: &str) -> Option<Finding> {
    let tape = Tape::read(text.as_bytes()).ok()?;
    let is_canonical = [false, true].into_iter().any(|managed_fields| {
        let options = SealOptions { managed_fields, ..SealOptions::default() };
        tape.header.sealed && tape.to_sealed(&options) == text
    });
    let text = if tape.header.sealed { "not in canonical form" } else { "not sealed" }.to_owned();
    (!is_canonical).then_some(Finding { code: "K004", line: 0, n: 0, text, next: "kubetape fmt" })
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::{FORMAT_VERSION, sample::Builder, seal::rich_tape};
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::json;

    fn codes(text: &str, options: &LintOptions) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.ktape");
        std::fs::write(&path, text).unwrap();
        lint(&path, options).unwrap().iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_sound_tape_has_no_findings_and_every_fault_has_its_code() {
        let mut sound = Builder::new();
        sound.get("op", "/api/v1/namespaces/a/pods/p", json!({"metadata": {"name": "p"}}));
        let mut tape = sound.build();
        let text = tape.to_sealed(&SealOptions::default());
        let none = LintOptions::default();
        assert_eq!(codes(&text, &none), [""; 0]);
        assert_eq!(codes(&text.replace("{ ", "{"), &none).len(), 1, "the digest");
        let cut = text.split("{\"end\"").next().unwrap();
        assert!(codes(cut, &none)[0].starts_with(" K000 the tape is cut off"));
        assert!(codes(&format!("{cut}<<<<<<< HEAD\n"), &none)[0].contains("merge conflict"));
        assert_eq!(
            codes(&tape.to_sealed(&SealOptions { compact: true, ..SealOptions::default() }), &none),
            [" K004 not in canonical form"]
        );
        tape.end = "cut off".to_owned();
        let ended = codes(&tape.to_sealed(&SealOptions::default()), &none);
        assert!(ended[0].ends_with("K008 its recording ended early: cut off"), "{ended:?}");
        tape.end = "ok".to_owned();
        tape.header.source = "sim".to_owned();
        tape.header.base = "2020-01-02T03:04:05Z".to_owned();
        let day = Duration::from_secs(86_400);
        let found = codes(&tape.to_sealed(&SealOptions::default()), &LintOptions { max_age: Some(day * 90) });
        assert!(found[0].starts_with(" K002 recorded") && found[1].starts_with(" K006"), "{found:?}");
        assert_eq!(
            codes(&rich_tape().to_sealed(&SealOptions::default()), &none).len(),
            2,
            "bytes, sent and answered"
        );
    }

    #[test]
    fn secrets_that_were_never_scrubbed_are_found_with_their_line() {
        let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl";
        let body = json!({"kind": "Secret", "data": {"token": STANDARD.encode(jwt), "ok": "$secret(a.b)"}});
        let text = format!(
            "{{\"kubetape\":{FORMAT_VERSION}}}\n{{\"n\":1,\"at\":\"0s\",\"res\":\"r1\",\"status\":200,\"body\":{body}}}\n{{\"end\":\"ok\",\"events\":1}}\n"
        );
        let found = codes(&text, &LintOptions::default());
        assert_eq!(found[0], "2: K001 a Secret's value in base64: data.token");
        assert_eq!(found[1], "2: K001 looks like a JWT: data.token (decoded)");
    }
}
