//! Valid messages of RFC 4475 §3.1.1 that break naive parsers: each is read right and passes through untouched.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

use bytes::Bytes;
use ringway_sip::{Limits, Message, Method, Name};

/// Parses `text`, written with bare line feeds, as a datagram.
fn message(text: &str) -> Message {
    let raw = Bytes::from(text.replace('\n', "\r\n"));
    let message = Message::parse(raw.clone(), &Limits::default()).unwrap();
    assert_eq!(message.edit().finish(), raw, "it passes through untouched");
    message
}

/// RFC 4475 §3.1.1.1: white space and folds wherever the grammar allows them.
#[test]
fn a_short_tortuous_invite() {
    let message = message(
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 5
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

v=0
",
    );
    assert_eq!((message.to().uri.user, message.to().tag()), (Some("vivekg"), Some("1918181833n")));
    assert_eq!((message.from().uri.host, message.from().tag()), ("example.com", Some("98asjd8")));
    assert_eq!((message.max_forwards(), message.cseq().number), (Ok(Some(68)), 9));
    let vias: Vec<_> = message.vias().map(|via| via.map(|via| (via.host, via.branch())).unwrap()).collect();
    assert_eq!(
        vias,
        [
            ("192.0.2.2", "390skdjuw"),
            ("spindle.example.com", "z9hG4bK9ikj8"),
            ("192.168.255.111", "z9hG4bK30239")
        ]
    );
    let contact = message.contacts().next().unwrap().unwrap();
    assert_eq!((contact.param("newparam"), contact.param("q")), (Some(Some("newvalue")), Some(Some("0.33"))));
    assert_eq!((message.first(Name::Subject), message.body().len()), (Some(""), 5));
    let route = message.routes().next().unwrap().unwrap();
    assert_eq!((route.uri.param("lr"), route.uri.param("unknownwith")), (Some(None), Some(Some("value"))));
}

/// RFC 4475 §3.1.1.2: every character that a token, a user part or a quoted string may have.
#[test]
fn a_wide_range_of_valid_characters() {
    let message = message(
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0
Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: \"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>
From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\u{440}\u{430}\u{431}\u{43e}\u{442}\u{430}\u{44e}\u{449}\u{438}\u{439}\";tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{
CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~
Max-Forwards: 255
extensionHeader-!.%*+_`'~:\u{fffb}\u{5927}\u{505c}\u{96fb}
Content-Length: 0

",
    );
    assert_eq!(message.method(), Method::from("!interesting-Method0123456789_*+`.%indeed'~"));
    assert_eq!(message.from().tag(), Some("_token~1'+`*%!-."));
    assert_eq!(message.to().uri.host, "example.com");
    assert_eq!(message.max_forwards(), Ok(Some(255)));
    assert_eq!(message.via().branch(), "z9hG4bK-.!%66*_+`'~");
}

/// RFC 4475 §3.1.1.3 and §3.1.1.4: escapes are carried, not undone.
#[test]
fn escapes_in_uris_and_other_places() {
    let message = message(
        "RE%47IST%45R sip:sips%3Auser%40example.com@example.net SIP/2.0
To: sip:%75se%72@example.com
From: <sip:I%20have%20spaces@example.net>;tag=938
Max-Forwards: 87
i: esc01.239409asdfakjkn23onasd0-3234
CSeq: 234234 RE%47IST%45R
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw
C: application/sdp
Contact:
  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
Content-Length: 0

",
    );
    assert_eq!(message.method(), Method::Other("RE%47IST%45R"), "an escaped method is another method");
    assert_eq!(message.uri(), "sip:sips%3Auser%40example.com@example.net");
    assert_eq!(message.to().uri.user, Some("%75se%72"));
    assert_eq!(message.contacts().next().unwrap().unwrap().uri.param("lr"), None, "an escaped lr is no lr");
}

/// RFC 4475 §3.1.1.6: long values in each header field.
#[test]
fn long_values() {
    let user = "amazinglylongcallername".repeat(12);
    let tag = "12982424".repeat(30);
    let branch = format!("z9hG4bK{}", "n".repeat(300));
    let vias: String =
        (0..34).map(|hop| format!("v: SIP/2.0/TCP sip{hop}.example.com;branch={branch}{hop}\n")).collect();
    let message = message(&format!(
        "INVITE sip:user@example.com SIP/2.0
To: \"I have a {name} long name\" <sip:user@example.com:6000;unknownparam1=very{user};longparam{user}=x>
F: sip:{user}@example.net;tag={tag};unknownheaderparam{user}=y
Call-ID: longreq.one{really}longcallid
CSeq: 3882340 INVITE
Unknown-{long}-Name: unknown-{long}-value; unknown-{long}-parameter-name = unknown-{long}-value
{vias}Max-Forwards: 70
Contact: <sip:{user}@host5.example.net>
Content-Length: 0

",
        name = "user".repeat(80),
        really = "really".repeat(20),
        long = ["long"; 20].join("-"),
    ));
    assert_eq!(message.from().uri.user, Some(user.as_str()));
    assert_eq!(message.from().tag(), Some(tag.as_str()));
    assert_eq!((message.vias().count(), message.via().host), (34, "sip0.example.com"));
}

/// RFC 4475 §3.1.1.8 and §3.1.1.9: semicolons in the user part; an unregistered transport in a Via.
#[test]
fn semicolons_in_the_user_part_and_unknown_transports() {
    let message = message(
        "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0
To: sip:j_user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Call-ID: semiuri.0ha0isndaksdj
CSeq: 8 OPTIONS
Accept: application/sdp, application/pkcs7-mime,
        multipart/mixed, multipart/signed,
        message/sip, message/sipfrag
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw, SIP/2.0/UNKNOWN host.example;branch=z9hG4bKkd
l: 0

",
    );
    assert_eq!(message.uri(), "sip:user;par=u%40example.net@example.com");
    assert_eq!(message.values(Name::Accept).count(), 6);
    assert_eq!(message.vias().last().unwrap().unwrap().transport, "UNKNOWN");
}

/// RFC 4475 §3.1.1.13 and §3.1.1.12: a reason that is UTF-8, or none at all.
#[test]
fn unusual_reasons() {
    let rest = "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Call-ID: unreason.1234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 0

";
    let reason = "= 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e} \u{434}\u{435}\u{432}\u{44f}\u{43d}";
    let response = message(&format!("SIP/2.0 200 {reason}\n{rest}"));
    assert_eq!((response.status(), response.reason()), (Some(200), reason));
    let response = message(&format!("SIP/2.0 100 \n{rest}"));
    assert_eq!((response.status(), response.reason()), (Some(100), ""));
}
