//! The port that the HTTP server is to listen on.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use super::finding::Finding;
use crate::{
    config::Config,
    control::{self, Request},
};

/// Whether we could listen, or do already.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let Some(http) = &config.outputs.http else { return Vec::new() };
    let running = config.state.as_ref().is_some_and(|keys| control::ask(&keys.folder, &Request::Standing).is_ok());
    vec![judge(http.listen, TcpListener::bind(http.listen).err().as_ref(), running)]
}

fn judge(listen: SocketAddr, error: Option<&io::Error>, running: bool) -> Finding {
    let said = |what: &dyn std::fmt::Display| format!("{listen}: {what}");
    let Some(error) = error else { return Finding::fine("port", "http.listen", said(&"free")) };
    match error.kind() {
        io::ErrorKind::AddrInUse if running => {
            Finding::fine("port", "http.listen", said(&"taken, as by the miqa that runs here"))
        }
        io::ErrorKind::AddrInUse => Finding::problem("port", "http.listen", said(&"another program listens there"))
            .mended_by(format!(
                "ss -ltnp 'sport = :{}'    # says which; end it, or set another listen in [http]",
                listen.port()
            )),
        io::ErrorKind::PermissionDenied => Finding::problem("port", "http.listen", said(error))
            .mended_by("set listen in [http] to a port from 1024 on"),
        io::ErrorKind::AddrNotAvailable => {
            Finding::problem("port", "http.listen", said(&"this machine has no such address"))
                .mended_by("ip -brief address    # says which it has; set listen in [http]")
        }
        _ => Finding::problem("port", "http.listen", said(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_taken_port_is_a_problem_unless_it_is_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = taken.local_addr().expect("bound");
        let error = TcpListener::bind(listen).expect_err("taken");
        let strange = judge(listen, Some(&error), false);
        assert_eq!(strange.verdict, Verdict::Problem);
        assert!(strange.mend.is_some_and(|mend| mend.contains(&format!("sport = :{}", listen.port()))));
        assert_eq!(judge(listen, Some(&error), true).verdict, Verdict::Fine);
        assert_eq!(judge(listen, None, false).verdict, Verdict::Fine);
        let away = judge(listen, Some(&io::ErrorKind::AddrNotAvailable.into()), false);
        assert!(away.mend.is_some_and(|mend| mend.contains("ip -brief address")));
    }
}
