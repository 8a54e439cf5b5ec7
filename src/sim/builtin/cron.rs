//! Schedules as the parser of CronJobs reads them: five fields, or a word after `@`.

use jiff::Timestamp;
use std::collections::BTreeSet;

/// The fields, with their least and greatest values.
const FIELDS: [(u64, u64, &str); 5] = [
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    (0, 6, "sun mon tue wed thu fri sat"),
];

/// A schedule that fits no day in so many years fits none.
const YEARS: u32 = 5;

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At these minutes, hours, days, months and days of the week.
    At(Box<[Field; 5]>),
    /// Again after so many seconds.
    Every(i64),
}

/// The values of a field, and whether it was a star.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Field {
    /// The values.
    pub values: BTreeSet<u64>,
    /// Whether it names all values by a star.
    pub star: bool,
}

/// Reads a schedule.
///
/// # Errors
/// What is wrong with it, as the parser says it.
pub fn parse(text: &str) -> Result<Schedule, String> {
    let mut text = text;
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        // A zone without anything after it makes the parser of Go panic; its caller turns that into an error.
        let Some((zone, rest)) = text.split_once(' ') else {
            return Err(format!("failed to parse schedule {text}: runtime error: slice bounds out of range"));
        };
        let name = zone.split_once('=').map_or("", |(_, name)| name);
        if !is_zone(name) {
            return Err(format!("provided bad location {name}: unknown time zone {name}"));
        }
        text = rest.trim();
    }
    if text.starts_with('@') {
        return word(text);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    let mut read: [Field; 5] = Default::default();
    for (place, (text, bounds)) in read.iter_mut().zip(fields.iter().zip(FIELDS)) {
        *place = field(text, bounds)?;
    }
    Ok(Schedule::At(Box::new(read)))
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse(text)
    }

    /// The next time after another one, in UTC; `None` when there is none within some years.
    pub fn after(&self, from: Timestamp) -> Option<Timestamp> {
        let fields = match self {
            Self::Every(pause) => return Timestamp::from_second(from.as_second() + pause).ok(),
            Self::At(fields) => fields,
        };
        let [minutes, hours, days, months, weekdays] = &**fields;
        let first = Timestamp::from_second(from.as_second() / 60 * 60 + 60).ok()?;
        let first = jiff::tz::Offset::UTC.to_datetime(first);
        let mut date = first.date();
        for day in 0..YEARS * 366 {
            let weekday = date.weekday().to_sunday_zero_offset() as u64;
            let (on, week) = (days.values.contains(&(date.day() as u64)), weekdays.values.contains(&weekday));
            let fits = if days.star || weekdays.star { on && week } else { on || week };
            if fits && months.values.contains(&(date.month() as u64)) {
                let earliest = if day == 0 { (first.hour() as u64, first.minute() as u64) } else { (0, 0) };
                let times =
                    hours.values.iter().flat_map(|hour| minutes.values.iter().map(move |m| (*hour, *m)));
                if let Some((hour, minute)) = times.into_iter().find(|time| *time >= earliest) {
                    let time = date.at(hour as i8, minute as i8, 0, 0);
                    return jiff::tz::Offset::UTC.to_timestamp(time).ok();
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// Whether there is a time zone of this name.
pub fn is_zone(name: &str) -> bool {
    matches!(name, "" | "Local") || include_str!("../data/zones.txt").lines().any(|zone| zone == name)
}

fn word(text: &str) -> Result<Schedule, String> {
    let fields = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(pause) = text.strip_prefix("@every ") else {
                return Err(format!("unrecognized descriptor: {text}"));
            };
            return match seconds(pause) {
                Some(seconds) => Ok(Schedule::Every(seconds.max(1))),
                None => Err(format!("failed to parse duration {text}: time: invalid duration {pause:?}")),
            };
        }
    };
    parse(fields)
}

/// A duration such as `1h30m`, in whole seconds.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.trim_start_matches(['-', '+']);
    if digits == "0" {
        return Some(0);
    }
    let (mut rest, mut all) = (digits, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        all += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (!digits.is_empty()).then_some(if text.starts_with('-') { -(all as i64) } else { all as i64 })
}

fn field(text: &str, bounds: (u64, u64, &str)) -> Result<Field, String> {
    let mut field = Field::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (values, star) = range(part, bounds)?;
        field.values.extend(values);
        field.star |= star;
    }
    Ok(field)
}

fn range(text: &str, (least, most, names): (u64, u64, &str)) -> Result<(BTreeSet<u64>, bool), String> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let (start, mut end, mut star) = if matches!(ends[0], "*" | "?") {
        (least, most, true)
    } else {
        let start = value(ends[0], least, names)?;
        match ends.len() {
            1 => (start, start, false),
            2 => (start, value(ends[1], least, names)?, false),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            if ends.len() == 1 {
                end = most;
            }
            star &= step <= 1;
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    let wrong = match () {
        () if start < least => format!("beginning of range ({start}) below minimum ({least}): {text}"),
        () if end > most => format!("end of range ({end}) above maximum ({most}): {text}"),
        () if start > end => format!("beginning of range ({start}) beyond end of range ({end}): {text}"),
        () if step == 0 => format!("step of range should be a positive number: {text}"),
        () => {
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            return Ok(((start..=end).step_by(step).collect(), star));
        }
    };
    Err(wrong)
}

fn value(text: &str, least: u64, names: &str) -> Result<u64, String> {
    let lower = text.to_lowercase();
    let place = names.split(' ').position(|name| !name.is_empty() && name == lower);
    place.map_or_else(|| number(text), |place| Ok(least + place as u64))
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shown = format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{shown}: invalid syntax"));
    }
    match text.parse::<i64>() {
        Err(_) => Err(format!("{shown}: value out of range")),
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(number.unsigned_abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_schedule_is_said_in_the_words_of_its_parser() {
        let rows = [
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("61 * * * *", "end of range (61) above maximum (59): 61"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("*/1/2 * * * *", "too many slashes: */1/2"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("* * * foo *", "failed to parse int from foo: strconv.Atoi: parsing \"foo\": invalid syntax"),
            ("@never", "unrecognized descriptor: @never"),
            ("@every x", "failed to parse duration @every x: time: invalid duration \"x\""),
        ];
        for (text, error) in rows {
            assert_eq!(parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn the_next_time_is_found_over_the_ends_of_days_and_months() {
        let after = |text: &str, from: &str| {
            parse(text).unwrap().after(from.parse().unwrap()).map(|at| at.to_string())
        };
        let rows = [
            ("* * * * *", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z"),
            ("0 12 * * *", "2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z"),
            ("30 1 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T01:30:00Z"),
            ("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"),
        ];
        for (text, from, next) in rows {
            assert_eq!(after(text, from).as_deref(), Some(next), "{text}");
        }
        assert_eq!(after("0 0 30 2 *", "2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn steps_names_and_words_are_read() {
        let Ok(Schedule::At(fields)) = parse("*/20 1,3 ? JAN-mar sun") else { panic!("not read") };
        let values = |at: usize| fields[at].values.iter().copied().collect::<Vec<_>>();
        assert_eq!((values(0), values(1), values(3)), (vec![0, 20, 40], vec![1, 3], vec![1, 2, 3]));
        assert_eq!((fields[0].star, fields[2].star, values(4)), (false, true, vec![0]));
        assert_eq!(parse("@every 1h30m"), Ok(Schedule::Every(5400)));
        assert!(parse("@weekly").is_ok());
    }
}
