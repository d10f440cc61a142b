//! Words on standard output.

/// Says a line. That nobody listens any more, as in `… | head`, is no reason to end what is under way.
macro_rules! say {
    ($($line:tt)*) => {{
        let _ = std::io::Write::write_fmt(
            &mut std::io::stdout(),
            format_args!("{}\n", format_args!($($line)*)),
        );
    }};
}

pub(crate) use say;
