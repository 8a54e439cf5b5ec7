use serde_json::{Value, json};
use std::cmp::Ordering;

/// An amount such as `1500m` or `1Gi`, in billionths.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Quantity {
    nano: i128,
    suffix: Suffix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    Binary,
    Decimal,
    Exponent,
}

const UNIT: i128 = 1_000_000_000;
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

impl Quantity {
    /// Reads an amount; `None` when it is none. What is finer than a billionth is rounded up.
    pub fn parse(text: &str) -> Option<Self> {
        let end =
            text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let negative = number.starts_with('-');
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if digits.is_empty()
            || (whole.is_empty() && part.is_empty())
            || !plain(whole)
            || !plain(part)
            || part.len() > 18
        {
            return None;
        }
        let mantissa: i128 = format!("{whole}{part}").parse().ok()?;
        let scale = i32::try_from(part.len()).ok()?;
        let (value, kind) = if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
            (scaled(mantissa.checked_mul(1i128 << power)?, 9 - scale)?, Suffix::Binary)
        } else if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
            (scaled(mantissa, power + 9 - scale)?, Suffix::Decimal)
        } else {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (scaled(mantissa, power.saturating_add(9).saturating_sub(scale))?, Suffix::Exponent)
        };
        Some(Self { nano: if negative { -value } else { value }, suffix: kind })
    }

    /// The sum of two amounts, in the form of the first.
    pub fn plus(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_add(other.nano), ..self }
    }

    /// Nothing, in the same form.
    pub fn zero(self) -> Self {
        Self { nano: 0, ..self }
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// The shortest way to write it.
    pub fn canonical(self) -> String {
        if self.nano == 0 {
            return "0".to_owned();
        }
        match self.suffix {
            Suffix::Binary if self.nano % UNIT == 0 && (self.nano / UNIT).abs() >= 1024 => {
                let value = self.nano / UNIT;
                let fits = BINARY.iter().rev().find(|(_, power)| value % (1i128 << power) == 0);
                fits.map_or(value.to_string(), |(name, power)| format!("{}{name}", value >> power))
            }
            Suffix::Exponent => power_of_ten(self.nano, |power| match power {
                0 => String::new(),
                power => format!("e{power}"),
            }),
            _ => power_of_ten(self.nano, |power| {
                DECIMAL.iter().find(|(_, known)| *known == power).map_or("", |(name, _)| name).to_owned()
            }),
        }
    }
}

/// Amounts are equal however they are written.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

/// A number times a power of ten, rounded away from nothing.
fn scaled(number: i128, power: i32) -> Option<i128> {
    let factor = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        number.checked_mul(factor)
    } else {
        Some(number / factor + i128::from(number % factor != 0))
    }
}

/// Billionths, with the greatest third power of ten that leaves a whole number.
fn power_of_ten(nano: i128, name: impl Fn(i32) -> String) -> String {
    let (mut value, mut power) = (nano, -9);
    while value % 1000 == 0 && power < 18 {
        value /= 1000;
        power += 3;
    }
    format!("{value}{}", name(power))
}

/// Writes the amounts of resource lists in their shortest form; gives the first that is none.
///
/// # Errors
/// The text that is no amount.
pub fn canonical_quantities(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if ["limits", "requests", "capacity", "allocatable", "hard", "used", "overhead"]
                    .contains(&key.as_str())
                    && member.is_object()
                {
                    canonical_list(member)?;
                } else {
                    canonical_quantities(member)?;
                }
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(canonical_quantities)?,
        _ => {}
    }
    Ok(())
}

fn canonical_list(list: &mut Value) -> Result<(), String> {
    for (_, amount) in list.as_object_mut().into_iter().flatten() {
        let text = match amount {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        let quantity = Quantity::parse(&text).ok_or(text)?;
        *amount = json!(quantity.canonical());
    }
    Ok(())
}

/// The quality of service of a pod.
pub fn qos(spec: &Value) -> &'static str {
    let all: Vec<&Value> = ["initContainers", "containers"]
        .iter()
        .flat_map(|list| spec[*list].as_array().into_iter().flatten())
        .map(|container| &container["resources"])
        .collect();
    let amounts = |resources: &Value, field: &str| {
        ["cpu", "memory"]
            .map(|name| resources[field][name].as_str().and_then(Quantity::parse).filter(|q| q.nano != 0))
    };
    let said = |resources: &&Value| {
        amounts(resources, "limits").iter().chain(&amounts(resources, "requests")).any(Option::is_some)
    };
    let full = |resources: &&Value| {
        let limits = amounts(resources, "limits");
        limits.iter().all(Option::is_some) && amounts(resources, "requests") == limits
    };
    match () {
        () if !all.iter().any(said) => "BestEffort",
        () if all.iter().all(full) => "Guaranteed",
        () => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_their_shortest_form() {
        let rows = [
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1.5", "1500m"),
            ("1536Mi", "1536Mi"),
            ("0", "0"),
            ("1e3", "1e3"),
            ("2000", "2k"),
            ("1.5Gi", "1536Mi"),
            ("100", "100"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("1u", "1u"),
            ("1.5u", "1500n"),
            ("0.1n", "1n"),
        ];
        for (text, canonical) in rows {
            assert_eq!(Quantity::parse(text).unwrap().canonical(), canonical, "{text}");
        }
        for bad in ["", "x", "1x", "--1", "1..2", "."] {
            assert_eq!(Quantity::parse(bad), None, "{bad}");
        }
        assert!(Quantity::parse("1Gi") > Quantity::parse("1G"));
        assert_eq!(Quantity::parse("1Gi"), Quantity::parse("1073741824"));
    }

    #[test]
    fn absurd_amounts_are_none_or_something_but_no_panic() {
        for text in ["1e2147483647", "1e-2147483648", "170141183460469231731687303715884105727n", "9E99"] {
            let _ = Quantity::parse(text);
        }
    }

    #[test]
    fn limits_and_requests_are_compared_by_what_they_are() {
        let spec = |request: &str| {
            let limits = json!({"cpu": "1", "memory": "1Gi"});
            let requests = json!({"cpu": "1000m", "memory": request});
            json!({"containers": [{"resources": {"limits": limits, "requests": requests}}]})
        };
        assert_eq!(qos(&spec("1073741824")), "Guaranteed");
        assert_eq!(qos(&spec("1G")), "Burstable");
    }
}
