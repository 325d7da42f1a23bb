//! Small files as strangers make them, beyond their cells: encodings, delimiters, headers, rows and whole products.

use super::foreign::{read_as, rows};
use super::reading;
use gateway::facade::imports::{Stated, labelled};

#[test]
fn shared_hosts_are_no_domains() {
    for host in [
        "https://www.facebook.com/acme",
        "linkedin.com/company/acme",
        "https://instagram.com/acme",
        "x.com/acme",
        "https://twitter.com/acme",
        "http://youtube.com/@acme",
        "https://sites.google.com/view/acme",
        "https://github.com/acme",
        "https://de-de.facebook.com/acme",
    ] {
        assert_eq!(
            rows("account", &format!("Name,Website\nAcme,{host}\n")),
            [format!("1@2 name=Acme + Website={host}")]
        );
    }
    // The next in rank has its turn.
    assert_eq!(
        rows(
            "account",
            "Name,Domain,Website\nAcme,facebook.com/acme,acme.com\n"
        ),
        ["1@2 name=Acme domain=acme.com + Domain=facebook.com/acme"]
    );
    assert!(rows("account", "Website\nfacebook.com/acme\n")[0].contains("failed"));
}

#[test]
fn woocommerce() {
    let text = "\u{feff}ID,Type,SKU,\"GTIN, UPC, EAN, or ISBN\",Name,Published,\"Is featured?\",\"Short description\",\
                Description,\"Tax status\",\"In stock?\",Stock,\"Sale price\",\"Regular price\",Categories,Tags,Images,Parent\n\
                44,variable,woo-tee,4006381333931,T-Shirt,1,0,Soft,\"Soft, long\",taxable,1,,,,\"Clothing > Tshirts, Sale\",,https://img.example/1.jpg,\n\
                45,variation,woo-tee-red,,\"T-Shirt - Red\",0,0,,,taxable,1,3,18,20.50,,,,id:44\n\
                46,simple,woo-cap,,Cap,-1,1,,,taxable,0,0,,16,Accessories,,,\n";
    assert_eq!(
        rows("product", text),
        [
            "1@2 name=T-Shirt sku=woo-tee external_id=44 description=Soft, long category=Clothing > Tshirts, Sale \
             barcode=4006381333931 active=true + Type=variable Is featured?=0 Short description=Soft \
             Tax status=taxable In stock?=1 Images=https://img.example/1.jpg",
            "2@3 name=T-Shirt - Red sku=woo-tee-red external_id=45 price=20.50 active=false + Type=variation \
             Is featured?=0 Tax status=taxable In stock?=1 Stock=3 Sale price=18 Parent=id:44",
            "3@4 name=Cap sku=woo-cap external_id=46 price=16 category=Accessories active=false + Type=simple \
             Is featured?=1 Tax status=taxable In stock?=0 Stock=0",
        ]
    );
}

#[test]
fn encodings() {
    let latin = labelled("windows-1252").expect("a label");
    let utf_8 = labelled("utf-8").expect("a label");
    let table = |name: &[u8]| [b"email,first_name\na@b.c,", name, b"\n"].concat();
    let marked = |name: &[u8]| [b"\xef\xbb\xbf".as_slice(), &table(name)].concat();
    for (bytes, stated, encoding, name) in [
        (table(b"Zo\xc3\xab"), Stated::Nothing, "utf-8", "Zoë"),
        (table(b"Zo\xeb"), Stated::Nothing, "windows-1252", "Zoë"),
        (
            table(b"Zo\xeb \x80 \xc3\xab"),
            Stated::Nothing,
            "windows-1252",
            "Zoë € Ã«",
        ),
        (
            table(b"Zo\xc3\xab"),
            Stated::Charset(latin),
            "windows-1252",
            "ZoÃ«",
        ),
        (marked(b"Zo\xc3\xab"), Stated::Charset(latin), "utf-8", "Zoë"),
        (marked(b"Zo\xc3\xab"), Stated::Parameter(utf_8), "utf-8", "Zoë"),
        (
            table(b"Zo\xc3\xab"),
            Stated::Parameter(latin),
            "windows-1252",
            "ZoÃ«",
        ),
    ] {
        let mut reading = reading("contact");
        reading.encoding = stated;
        let read = read_as(&bytes, &reading);
        assert_eq!(read.encoding, encoding, "{bytes:?}");
        assert_eq!(read.rows, [format!("1@2 email=a@b.c first_name={name}")]);
    }
    // As many of one as of the other: UTF-8, and the row fails.
    let read = read_as(&table(b"Zo\xeb \xc3\xab"), &reading("contact"));
    assert_eq!(read.encoding, "utf-8");
    assert!(read.rows[0].starts_with("1@2 failed: ") && read.rows[0].contains("utf-8"));
    for (mark, encoding, units) in [
        (b"\xff\xfe", "utf-16le", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (b"\xfe\xff", "utf-16be", u16::to_be_bytes),
    ] {
        let text = "sep=;\r\nemail;first_name\r\na@b.c;Zoë 😀\r\n";
        let mut bytes = mark.to_vec();
        bytes.extend(text.encode_utf16().flat_map(units));
        let mut reading = reading("contact");
        for stated in [Stated::Nothing, Stated::Charset(latin)] {
            reading.encoding = stated;
            let read = read_as(&bytes, &reading);
            assert_eq!((read.encoding.as_str(), read.delimiter), (encoding, ';'));
            assert_eq!(read.rows, ["1@3 email=a@b.c first_name=Zoë 😀"]);
        }
    }
}

#[test]
fn delimiters() {
    for (text, delimiter) in [
        ("email,city\na@b.c,Rome\n", ','),
        ("email;city\na@b.c;Rome, Italy\n", ';'),
        ("email\tcity\na@b.c\tRome; Italy\n", '\t'),
        ("email|city\na@b.c|Rome\n", '|'),
        // More names are known under the semicolon.
        ("email;city,phone;country\na@b.c;x;y\n", ';'),
        // As many under both, and the rows are even under the comma.
        ("email,a;b,city\na@b.c,1,2\nd@e.f,3,4\n", ','),
        // A full tie.
        ("a;email;b,city,c\n1;2;3,4,5\n", ';'),
        ("email\na@b.c\n", '\t'),
        ("sep=|\nemail|city\na@b.c|Rome\n", '|'),
        ("\"SEP=;\"\r\nemail;city\r\na@b.c;Rome\r\n", ';'),
    ] {
        assert_eq!(
            read_as(text.as_bytes(), &reading("contact")).delimiter,
            delimiter,
            "{text:?}"
        );
    }
    let mut told = reading("contact");
    told.delimiter = Some(b',');
    let read = read_as(b"sep=;\nemail,city\na@b.c,Rome\n", &told);
    assert_eq!(
        (read.delimiter, read.rows),
        (',', vec!["1@3 email=a@b.c city=Rome".to_owned()])
    );
}

#[test]
fn headers() {
    assert_eq!(
        rows(
            "contact",
            "E-MAIL,Prénom,last name,Tag,Tag,Phone,Mobile Phone\na@b.c,Zoë,King,x,y,,020\n"
        ),
        ["1@2 email=a@b.c first_name=Zoë last_name=King phone=020 + Tag=x Tag (2)=y"]
    );
    assert_eq!(
        rows("contact", "Name,Email\nAnna Maria Müller,a@b.c\nMadonna,d@e.f\n"),
        [
            "1@2 email=a@b.c first_name=Anna Maria last_name=Müller",
            "2@3 email=d@e.f first_name=Madonna",
        ]
    );
    assert_eq!(
        rows(
            "contact",
            "First Name,Last Name,Name,Email\nAda,King,Countess,a@b.c\n"
        ),
        ["1@2 email=a@b.c first_name=Ada last_name=King + Name=Countess"]
    );
    assert_eq!(
        rows("contact", "Email\na@b.c ::: d@e.f\n"),
        ["1@2 email=a@b.c + Email=a@b.c ::: d@e.f"]
    );
    for object in ["contact", "account", "deal", "product"] {
        let object = super::Object::named(object).expect("an object");
        let header: Vec<_> = object
            .fields
            .iter()
            .map(|field| field.name.to_uppercase().replace('_', " "))
            .collect();
        let read = read_as(
            format!("{}\n", header.join(",")).as_bytes(),
            &reading(object.name),
        );
        assert!(read.unmapped.is_empty(), "{:?}", read.unmapped);
    }
}

#[test]
fn a_report_comes_back_as_it_was() {
    let text = "\u{feff}row_number,line_number,error_message,Email,Phone,City\r\n\
                2,3,\"column \"\"Email\"\": no\",a@b.c,'+44 20,''=x\r\n";
    assert_eq!(rows("contact", text), ["1@2 email=a@b.c phone=+44 20 city='=x"]);
    // Without the report's columns an apostrophe is text.
    assert_eq!(
        rows("contact", "Email,Phone\na@b.c,'+44\n"),
        ["1@2 email=a@b.c phone='+44"]
    );
}

#[test]
fn rows_and_lines() {
    assert_eq!(
        rows(
            "contact",
            "email,notes,,\r\n\r\na@b.c,\"one\r\ntwo\",,\r\n,,,\r\nd@e.f\r\ng@h.i,x,,,,\r\nj@k.l,x,,,y\r\nm@n.o,\"open\r\n"
        ),
        [
            "1@3 email=a@b.c notes=one\r\ntwo",
            "2@6 failed: too few cells: 1, where the header has 2",
            "3@7 email=g@h.i notes=x",
            "4@8 failed: too many cells: 5, where the header has 4",
            "5@9 failed: a quote that opened in row 5 is never closed, so that all text to the end of the file belongs to it",
        ]
    );
}
