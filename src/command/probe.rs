//! `miqa probe`: connect to a location and say what it is like.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use super::{CommandError, Outcome};
use crate::{
    config::{Credentials, Location, Period, Transport},
    source::{self, Mode, Probe, Probed},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What to look at: a file, rtsp://HOST/PATH, http://…, /dev/videoN, images:FOLDER, test:PATTERN or gst:FRAGMENT,
    /// without its password
    #[arg(value_name = "LOCATION")]
    location: String,
    /// User name
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,
    /// Environment variable that holds the password
    #[arg(long, value_name = "VARIABLE")]
    password_env: Option<String>,
    /// What RTSP's pictures travel over: tcp, udp or auto
    #[arg(long, value_name = "HOW", default_value = "tcp")]
    transport: Transport,
    /// The scoring interval for which the decode mode is asked
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    interval: Period,
    /// Give up, or stop looking, after this long
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    limit: Period,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let probed = source::probe(&Probe {
        location: location(arguments).map_err(CommandError::Location)?,
        transport: arguments.transport,
        interval: arguments.interval,
        limit: arguments.limit,
    })?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer(&mut out, &probed).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&mut out, &probed, arguments.interval)?;
    }
    Ok(Outcome::Good)
}

/// The location with its login. Everybody on the machine can read a command line, so a secret on it is refused.
fn location(arguments: &Arguments) -> Result<Location, String> {
    let location: Location = arguments.location.parse().map_err(|reason| format!("the location {reason}"))?;
    if location.holds_secret() {
        return Err(
            "the location holds a password or token, which a command line shows to everybody on the machine; give it with --user and --password-file or --password-env, or in a configuration".into(),
        );
    }
    let credentials = Credentials {
        user: arguments.user.as_deref(),
        password_file: arguments.password_file.as_deref(),
        password_env: arguments.password_env.as_deref(),
    };
    let option = |(key, reason): (&str, String)| format!("--{}: {reason}", key.replace('_', "-"));
    match credentials.login(location.user()).map_err(option)? {
        Some(login) => location.with_login(login).map_err(|reason| format!("--user: {reason}")),
        None => Ok(location),
    }
}

fn print(out: &mut impl Write, probed: &Probed, interval: Period) -> io::Result<()> {
    let Probed { width, height, .. } = probed;
    writeln!(out, "location     {}", probed.location)?;
    match (&probed.codec, &probed.decoder) {
        (Some(codec), Some(decoder)) => writeln!(out, "codec        {codec}, decoded by {decoder}")?,
        (Some(codec), None) => writeln!(out, "codec        {codec}")?,
        (None, _) => writeln!(out, "codec        none, the video is raw")?,
    }
    writeln!(out, "picture      {width}×{height}, {}", probed.format)?;
    writeln!(out, "colour       {}", probed.colourimetry.as_deref().unwrap_or("the stream does not say"))?;
    match (probed.rate_seen, probed.rate_said) {
        (Some(seen), Some(said)) => writeln!(out, "rate         {seen:.2} frames a second; the stream says {said:.2}")?,
        (Some(seen), None) => writeln!(out, "rate         {seen:.2} frames a second; the stream does not say")?,
        (None, Some(said)) => writeln!(out, "rate         the stream says {said:.2} frames a second")?,
        (None, None) => {}
    }
    if let Some(kbit) = probed.kbit_s {
        writeln!(out, "bit rate     {kbit:.0} kbit/s")?;
    }
    if probed.decoder.is_some() {
        match probed.keyframe_interval_s {
            Some(s) => writeln!(out, "keyframes    every {s:.2} s")?,
            None => writeln!(out, "keyframes    fewer than two were seen; a longer --limit sees more")?,
        }
        let mode = match probed.mode {
            Some(Mode::Keyframes) => "keyframes only",
            Some(Mode::All) | None => "all pictures",
        };
        writeln!(out, "decode       {mode}, for a frame every {interval}")?;
    }
    if let Some(lost) = probed.packets_lost {
        writeln!(out, "lost         {lost} packets")?;
    }
    writeln!(out, "first frame  after {:.2} s", probed.first_frame_s)
}
