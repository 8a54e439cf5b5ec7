use std::cmp::Ordering;

/// An amount such as `1500m` or `1Gi`, as API servers read, compare and write it.
///
/// Amounts are exact down to a billionth, and what is finer is rounded up; of more than 38 digits the last are
/// rounded up too.
///
/// ```
/// use kubetape::wire::Quantity;
///
/// let amount = |text| Quantity::parse(text).unwrap();
/// assert!(amount("1Gi") > amount("1G"));
/// assert_eq!(amount("0.5").plus(amount("700m")).canonical(), "1200m");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    /// Digits without zeros at their end.
    mantissa: i128,
    /// The power of ten that they are multiplied with.
    power: i64,
    form: Form,
    /// Whether a server leaves the text as it is.
    kept: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Binary,
    Decimal,
    Exponent,
}

const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const DECIMAL: [(&str, i64); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// The finest power of ten.
const NANO: i64 = -9;
/// How many digits always fit.
const DIGITS: usize = 38;
/// Up to so many digits a server takes its short way, on which it may keep a text.
const SHORT: usize = 18;

impl Quantity {
    /// Reads an amount; `None` when it is none. As on a server, a sign or a dot alone is 0.
    pub fn parse(text: &str) -> Option<Self> {
        let Spelled { negative, whole, part, suffix } = spelled(text)?;
        let form = form(suffix)?;
        let digits = format!("{whole}{part}");
        let (mut mantissa, dropped) = number(&digits)?;
        let mut power = dropped - i64::try_from(part.len()).ok()?;
        let kept = text == "0"
            || match form {
                (Form::Binary, two) => {
                    let taken = whole.len() + two as usize * 3 / 10;
                    part.is_empty() && taken < 15 && mantissa & 7 != 0
                }
                (_, ten) => {
                    let scale = power + ten;
                    let plain = !digits.ends_with("000") && !digits.starts_with('0');
                    digits.len() <= SHORT && scale >= NANO && scale % 3 == 0 && plain
                }
            };
        let form = match form {
            (Form::Binary, two) => {
                (mantissa, power) = doubled(mantissa, power, u32::try_from(two).ok()?);
                Form::Binary
            }
            (form, ten) => {
                power += ten;
                form
            }
        };
        let mut amount = Self { mantissa, power, form, kept: false }.rounded_up(NANO);
        if form == Form::Binary {
            amount = amount.bounded();
        }
        let mantissa = if negative { -amount.mantissa } else { amount.mantissa };
        Some(Self { mantissa, kept, ..amount })
    }

    /// What is left of an amount without another one.
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self { mantissa: other.mantissa.saturating_neg(), ..other })
    }

    /// The sum of two amounts, in the form of the first one that is not zero.
    pub fn plus(self, other: Self) -> Self {
        let form = if self.mantissa == 0 { other.form } else { self.form };
        let power = self.power.min(other.power);
        let aligned = |amount: Self| times_ten(amount.mantissa, amount.power - power);
        let sum = aligned(self).zip(aligned(other)).and_then(|(a, b)| a.checked_add(b));
        let (mantissa, power) = match sum {
            Some(sum) => (sum, power),
            // The smaller one is less than the last digit of the greater one.
            None if magnitude(&self, &other) == Ordering::Less => (other.mantissa, other.power),
            None => (self.mantissa, self.power),
        };
        Self { mantissa, power, form, kept: false }.trimmed()
    }

    /// Nothing, in the same form.
    pub fn zero(self) -> Self {
        Self { mantissa: 0, power: 0, kept: false, ..self }
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The next amount, away from nothing, that is a whole multiple of this power of ten.
    pub fn rounded_up(self, finest: i64) -> Self {
        let amount = self.trimmed();
        if amount.power >= finest {
            return amount;
        }
        let divisor = u32::try_from(finest - amount.power).ok().and_then(|power| 10i128.checked_pow(power));
        let mantissa = match divisor {
            Some(divisor) => {
                let rest = (amount.mantissa % divisor).signum();
                amount.mantissa / divisor + rest
            }
            None => amount.mantissa.signum(),
        };
        Self { mantissa, power: finest, kept: false, ..amount }.trimmed()
    }

    /// The form in which a server writes it.
    pub fn canonical(self) -> String {
        if self.mantissa == 0 {
            return "0".to_owned();
        }
        if self.form == Form::Binary
            && let Some(mut value) = self.whole().filter(|value| value.unsigned_abs() >= 1024)
        {
            let mut times = 0;
            while value % 1024 == 0 {
                (value, times) = (value / 1024, times + 1);
            }
            let name = BINARY.iter().find(|(_, power)| *power == times * 10).map_or("", |(name, _)| name);
            return format!("{value}{name}");
        }
        let odd = self.power.rem_euclid(3);
        let (power, zeros) = (self.power - odd, usize::try_from(odd).unwrap_or_default());
        let name = match self.form {
            Form::Exponent if power == 0 => String::new(),
            Form::Exponent => format!("e{power}"),
            // A server has no name for more than E, and leaves it out.
            _ => DECIMAL.iter().find(|(_, known)| *known == power).map_or("", |(name, _)| name).to_owned(),
        };
        format!("{}{}{name}", self.mantissa, "0".repeat(zeros))
    }

    /// What a server makes of an amount in a list of resources, where a thousandth is the finest: the text as it is
    /// where it is short enough, else the canonical one. `None` when it is no amount.
    pub fn as_resource(text: &str) -> Option<String> {
        let text = text.trim();
        let amount = Self::parse(text)?.rounded_up(-3);
        Some(if amount.kept { text.to_owned() } else { amount.canonical() })
    }

    /// The amount as a whole number, if it is one.
    fn whole(self) -> Option<i128> {
        if self.power < 0 { None } else { times_ten(self.mantissa, self.power) }
    }

    /// No amount in powers of two is more than the largest number of 64 bits.
    fn bounded(self) -> Self {
        let most = Self { mantissa: i128::from(i64::MAX), power: 0, form: Form::Binary, kept: false };
        if self > most {
            return most;
        };
        let below_one = magnitude(&self, &Self { mantissa: 1, ..most }) == Ordering::Less;
        Self { form: if below_one { Form::Decimal } else { self.form }, ..self }
    }

    /// The same without zeros at the end of its digits.
    fn trimmed(mut self) -> Self {
        if self.mantissa == 0 {
            return Self { power: 0, ..self };
        }
        while self.mantissa % 10 == 0 {
            (self.mantissa, self.power) = (self.mantissa / 10, self.power + 1);
        }
        self
    }
}

/// The parts of an amount.
struct Spelled<'a> {
    negative: bool,
    /// Without zeros before it, unless it is zero.
    whole: &'a str,
    part: &'a str,
    suffix: &'a str,
}

fn spelled(text: &str) -> Option<Spelled<'_>> {
    if text.is_empty() {
        return None;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = unsigned.split_at(digits(unsigned));
    let (part, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(Spelled { negative: text.starts_with('-'), whole, part, suffix })
}

/// What a suffix says, with the power of two or of ten.
fn form(suffix: &str) -> Option<(Form, i64)> {
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((Form::Binary, i64::from(*power)));
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Form::Decimal, *power));
    }
    let power: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    // A server keeps the lower 32 bits.
    #[allow(clippy::cast_possible_truncation, reason = "as a server does it")]
    let power = power as i32;
    Some((Form::Exponent, i64::from(power)))
}

/// The number that digits make, and the power of ten of those that were dropped.
fn number(digits: &str) -> Option<(i128, i64)> {
    let digits = digits.trim_start_matches('0');
    if digits.len() < DIGITS {
        let number = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        return Some((number, 0));
    }
    let (first, rest) = digits.split_at(DIGITS - 1);
    let more = i128::from(rest.bytes().any(|digit| digit != b'0'));
    Some((first.parse::<i128>().ok()? + more, i64::try_from(rest.len()).ok()?))
}

/// A number times a power of two; where it does not fit, its last digits are rounded up.
fn doubled(mut mantissa: i128, mut power: i64, two: u32) -> (i128, i64) {
    loop {
        match mantissa.checked_mul(1 << two) {
            Some(mantissa) => return (mantissa, power),
            None => (mantissa, power) = (mantissa / 10 + (mantissa % 10).signum(), power + 1),
        }
    }
}

fn times_ten(number: i128, power: i64) -> Option<i128> {
    if number == 0 {
        return Some(0);
    }
    number.checked_mul(10i128.checked_pow(u32::try_from(power).ok()?)?)
}

/// Which is farther from nothing.
fn magnitude(a: &Quantity, b: &Quantity) -> Ordering {
    let (a, b) = (a.trimmed(), b.trimmed());
    let size = |amount: &Quantity| {
        amount.mantissa.unsigned_abs().checked_ilog10().map(|log| i64::from(log) + amount.power)
    };
    size(&a).cmp(&size(&b)).then_with(|| {
        // As many digits before the point, so the shorter one grows to the length of the other.
        let power = a.power.min(b.power);
        let aligned =
            |amount: &Quantity| times_ten(amount.mantissa, amount.power - power).map(i128::unsigned_abs);
        aligned(&a).cmp(&aligned(&b))
    })
}

/// Amounts are equal however they are written.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        let size = magnitude(self, other);
        signs.then(if self.mantissa < 0 { size.reverse() } else { size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kube-apiserver 1.36.3 made of `spec.hard.cpu` of a `ResourceQuota`.
    const RECORDED: &str = include_str!("quantity.txt");

    #[test]
    fn amounts_in_lists_of_resources_are_written_as_a_recorded_server_wrote_them() {
        let mut count = 0;
        for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
            let (text, written) = line.split_once('\t').unwrap();
            let expected = (written != "refused").then(|| written.to_owned());
            assert_eq!(Quantity::as_resource(text), expected, "{text:?}");
            count += 1;
        }
        assert!(count > 80, "{count}");
    }

    #[test]
    fn amounts_are_compared_exactly_and_by_what_they_are() {
        let amount = |text| Quantity::parse(text).unwrap();
        let sorted = [
            "-1e3",
            "-1",
            "0",
            "0.0000000001",
            "1500n",
            "500m",
            "999999999n",
            "1",
            "1.000000001",
            "1Ki",
            "1e4",
            "9007199254740992",
            "9007199254740993",
            "7Ei",
            "8Ei",
            "1e19",
            "1e30",
            "1e2147483647",
        ];
        for pair in sorted.windows(2) {
            assert!(amount(pair[0]) < amount(pair[1]), "{pair:?}");
        }
        assert_eq!(amount("1Gi"), amount("1073741824"));
        assert_eq!(amount("0.0000000001"), amount("1n"));
        assert_eq!(amount("-0"), amount("."));
        assert_eq!(amount("123456789012345678901234567890e-9"), amount("123456789012345678901.23456789"));
    }

    #[test]
    fn sums_are_exact() {
        let sum = |a, b| Quantity::parse(a).unwrap().plus(Quantity::parse(b).unwrap()).canonical();
        for (a, b, total) in [
            ("0.1", "0.2", "300m"),
            ("0", "1Gi", "1Gi"),
            ("512Mi", "512Mi", "1Gi"),
            ("1n", "-1n", "0"),
            ("9007199254740993", "1n", "9007199254740993000000001n"),
            ("1Gi", "1", "1073741825"),
            ("1e30", "1", "1000000000000000000000000000001"),
            ("1e60", "1", "1e60"),
        ] {
            assert_eq!(sum(a, b), total, "{a} + {b}");
        }
    }

    #[test]
    fn absurd_amounts_are_none_or_something_but_no_panic() {
        let long = "9".repeat(500);
        for text in [
            "1e2147483647",
            "1e-2147483648",
            "9E99",
            "1e99999999999",
            long.as_str(),
            &format!("0.{long}Ei"),
            &format!("{long}Ki"),
            &format!("-{long}e-400"),
        ] {
            let amount = Quantity::parse(text);
            let _ = amount.map(|amount| (amount.plus(amount).canonical(), amount.cmp(&amount.zero())));
        }
    }
}
