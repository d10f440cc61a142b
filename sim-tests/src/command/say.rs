//! Lines on standard output.

/// Prints a line. A closed pipe, as after `… | head`, is ignored and does not end the command.
macro_rules! say {
    ($($line:tt)*) => {{
        let _ = std::io::Write::write_fmt(
            &mut std::io::stdout(),
            format_args!("{}\n", format_args!($($line)*)),
        );
    }};
}

pub(crate) use say;
