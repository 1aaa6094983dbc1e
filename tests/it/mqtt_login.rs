//! Getting into a real broker: passwords, certificates, two clients of one name.

use std::{
    io::{BufRead, BufReader},
    process::{Command as Program, Stdio},
    time::{Duration, Instant},
};

use miqa::sink::Tally;

use crate::{
    broker::{Broker, Ear},
    sink_mqtt::{alert, at, broker_or_skip, end, setting, start},
    support::{command, config},
};

/// Waits until the event is written, or long enough to see that it isn't.
fn wait(tally: &Tally, opens: bool) {
    let limit = if opens { Duration::from_secs(20) } else { Duration::from_millis(1500) };
    let begun = Instant::now();
    while tally.written() == 0 && begun.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_wrong_password_is_said_and_the_right_one_opens() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let made = Program::new("mosquitto_passwd").args(["-b", "-c"]).arg(&users).args(["miqa", "mq-right one"]).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: a_wrong_password_is_said_and_the_right_one_opens: needs mosquitto_passwd");
        return;
    }
    let rest = format!("password_file {}\n", users.display());
    let broker = broker_or_skip!(folder, &rest, "a_wrong_password_is_said_and_the_right_one_opens");
    for (password, opens) in [("mq-wrong one", false), ("mq-right one", true)] {
        std::fs::write(folder.path().join("password"), password).unwrap();
        let login = format!("{}\nuser = \"miqa\"\npassword_file = \"password\"", at(&broker));
        let queue = start(folder.path(), &login, "", &setting());
        let tally = queue.tally();
        queue.send(&alert(0));
        wait(&tally, opens);
        assert!(end(queue) < Duration::from_secs(2));
        assert_eq!((tally.written(), tally.failed()), if opens { (1, 0) } else { (0, 1) });
    }
}

#[test]
fn tls_trusts_the_given_certificates_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = Program::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out", "cert.pem", "-keyout", "key.pem"])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: tls_trusts_the_given_certificates_only: needs openssl");
        return;
    }
    let here = folder.path().display();
    let rest = format!("certfile {here}/cert.pem\nkeyfile {here}/key.pem\n");
    let broker = broker_or_skip!(folder, &rest, "tls_trusts_the_given_certificates_only");
    for (trust, opens) in [("ca_file = \"cert.pem\"", true), ("", false)] {
        let address = format!("address = \"mqtts://localhost:{}\"\n{trust}", broker.port);
        let queue = start(folder.path(), &address, "", &setting());
        let tally = queue.tally();
        queue.send(&alert(0));
        wait(&tally, opens);
        end(queue);
        assert_eq!((tally.written(), tally.failed()), if opens { (1, 0) } else { (0, 1) });
    }
}

/// The certificate that the first page of every search makes.
#[test]
fn a_certificate_that_cant_be_trusted_is_said_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let made = Program::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-out", "cert.pem", "-keyout", "key.pem"])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: a_certificate_that_cant_be_trusted_is_said_with_the_next_step: needs openssl");
        return;
    }
    let here = folder.path().display();
    let rest = format!("certfile {here}/cert.pem\nkeyfile {here}/key.pem\n");
    let broker = broker_or_skip!(folder, &rest, "a_certificate_that_cant_be_trusted_is_said_with_the_next_step");
    for (address, trust, advice) in [
        ("mqtts://localhost", "ca_file = \"cert.pem\"", "-addext basicConstraints=critical,CA:FALSE"),
        ("mqtt://localhost", "", "or the port wants TLS (mqtts://)"),
    ] {
        let text = format!(
            "[[stream]]\nname = \"s\"\nlocation = \"test:ball\"\n[mqtt.broker]\naddress = \"{address}:{}\"\n{trust}\n",
            broker.port
        );
        let file = config(folder.path(), "tiny", &text);
        let mut run = command();
        let mut run =
            run.args(["run", "--config"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
        // It tries for ever; the first failure is said within the time that a connection may take.
        let said = lines.find(|line| line.contains("no connection; trying again")).unwrap_or_default();
        assert!(said.contains(advice), "{address} {trust}: {said}");
        assert!(!said.contains('\u{1b}'), "colours for no terminal: {said:?}");
        run.kill().unwrap();
        run.wait().unwrap();
    }
}

#[test]
fn two_of_one_name_do_not_throw_each_other_out_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker_or_skip!(folder, "", "two_of_one_name_do_not_throw_each_other_out_without_end");
    let ear = Ear::at(broker.port);
    let both = [(), ()].map(|()| start(folder.path(), &at(&broker), "", &setting()));
    std::thread::sleep(Duration::from_secs(6));
    let came = ear.of("miqa/status").iter().filter(|heard| heard.payload == "online").count();
    // With pauses of half a second it would be thirty times and more.
    assert!((2..=14).contains(&came), "{came}");
    for queue in both {
        end(queue);
    }
}
