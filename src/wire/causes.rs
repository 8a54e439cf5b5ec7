/// An error with its causes, on one line; a cause that the text before it tells already is left out.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Option<Box<Told>>,
    }

    #[test]
    fn causes_are_told_once() {
        let told = |text, source: Option<Told>| Told { text, source: source.map(Box::new) };
        let error = told("failed: no route", Some(told("no route", Some(told("os error 113", None)))));
        assert_eq!(causes(&error), "failed: no route: os error 113");
    }
}
