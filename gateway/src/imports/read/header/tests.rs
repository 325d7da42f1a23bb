use super::*;

fn built(header: &str, object: &str, mapping: Option<&str>, mode: Mode) -> Result<HeaderMap, Refusal> {
    let mut text = String::new();
    let mut ends = Vec::new();
    for cell in header.split(',') {
        text.push_str(cell);
        ends.push(text.len());
    }
    let object = Object::named(object).unwrap();
    let mapping = mapping.map(|json| Mapping::parse(json, object).unwrap());
    let names = KnownNames::of(object);
    let cells = Cells::new(&text, &ends);
    HeaderMap::build(cells, object, &names, mapping.as_ref(), mode, &Limits::default())
}

fn map(header: &str, object: &str) -> HeaderMap {
    built(header, object, None, Mode::Upsert).unwrap()
}

fn feeding(map: &HeaderMap, field: &str) -> Vec<usize> {
    map.sources(map.object.field_index(field).unwrap()).to_vec()
}

fn unmapped(map: &HeaderMap) -> Vec<&str> {
    map.unmapped().collect()
}

#[test]
fn columns_of_one_field_stand_by_rank() {
    let map = map("Mobile,Mail,Phone Number,E-Mail,phone (home),PHONE", "contact");
    assert_eq!(feeding(&map, "email"), [3, 1]);
    assert_eq!(feeding(&map, "phone"), [5, 4, 2, 0]);
    assert_eq!(unmapped(&map), Vec::<&str>::new());
}

#[test]
fn title_is_the_job_only_where_nothing_else_is() {
    let outlook = map("Title,First Name,Last Name,Job Title", "contact");
    assert_eq!(feeding(&outlook, "job_title"), [3]);
    assert_eq!(unmapped(&outlook), ["Title"]);
    let salesforce = map("Title,First Name,Last Name", "contact");
    assert_eq!(feeding(&salesforce, "job_title"), [0]);
    assert_eq!(feeding(&map("Title,Email", "contact"), "job_title"), [0]);
    assert_eq!(feeding(&map("Title,Handle", "product"), "name"), [0]);
}

#[test]
fn full_name_stands_back_where_both_names_have_columns() {
    let stands_back = map("Name,First Name,Last Name", "contact");
    assert!(stands_back.full_name().is_empty());
    assert_eq!(unmapped(&stands_back), ["Name"]);
    assert_eq!(map("Name,First Name", "contact").full_name(), [0]);
    let mapped = built(
        "Name,First Name,Last Name",
        "contact",
        Some(r#"{"Name": "full_name"}"#),
        Mode::Upsert,
    );
    assert_eq!(mapped.unwrap().full_name(), [0]);
}

#[test]
fn the_mapping_wins() {
    let json = r#"{"Foo": "email", "Email": null, "notes": "phone"}"#;
    let map = built("Email,Foo,Notes,Bar", "contact", Some(json), Mode::Upsert).unwrap();
    assert_eq!(feeding(&map, "email"), [1]);
    assert_eq!(feeding(&map, "phone"), [2]);
    assert_eq!(map.columns[0].used_as, ColumnUse::LeftOut);
    assert_eq!(unmapped(&map), ["Bar"]);
    let mapped: Vec<_> = map.mapped().collect();
    assert_eq!(
        mapped,
        [("Email", None), ("Foo", Some("email")), ("Notes", Some("phone"))]
    );
    let missing = built("Email", "contact", Some(r#"{"Nope": "phone"}"#), Mode::Upsert).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("\"Nope\"; its columns are \"Email\""),
        "{missing}"
    );
    // A mapped column outranks a named one.
    let map = built("Email,Foo", "contact", Some(r#"{"Foo": "email"}"#), Mode::Upsert).unwrap();
    assert_eq!(feeding(&map, "email"), [1, 0]);
}

#[test]
fn equal_headers_get_numbers() {
    let map = map("Email,Tag,Tag,Tag (2),Tag,,tag,", "contact");
    let names: Vec<_> = map.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Email",
            "Tag",
            "Tag (2)",
            "Tag (2) (2)",
            "Tag (3)",
            "Column 6",
            "tag",
            "Column 8"
        ]
    );
    assert_eq!(map.width(), Width { least: 7, most: 8 });
    assert_eq!(
        unmapped(&map),
        ["Tag", "Tag (2)", "Tag (2) (2)", "Tag (3)", "tag"]
    );
}

#[test]
fn report_columns_are_left_out() {
    let map = map(
        "row_number,line_number,error_message,email,'=sum,row_number",
        "contact",
    );
    assert!(map.is_repair);
    assert_eq!(map.columns[1].used_as, ColumnUse::Report);
    assert_eq!(map.columns[4].name, "=sum");
    assert_eq!(unmapped(&map), ["=sum", "row_number"]);
    let map = self::map("row_number,email", "contact");
    assert!(!map.is_repair);
    assert_eq!(unmapped(&map), ["row_number"]);
}

#[test]
fn what_the_object_needs() {
    let is_refused = |header, object, mode| {
        matches!(
            built(header, object, None, mode),
            Err(Refusal::MissingColumns { .. })
        )
    };
    assert!(is_refused("City,External ID", "contact", Mode::Upsert));
    assert!(!is_refused("Display Name", "contact", Mode::Create));
    assert!(is_refused("Display Name", "contact", Mode::Update));
    assert!(!is_refused("External ID,City", "contact", Mode::Update));
    assert!(is_refused("SKU,Price", "product", Mode::Upsert));
    assert!(!is_refused("SKU,Price", "product", Mode::Update));
    assert!(is_refused("ada@example.com,Ada", "contact", Mode::Upsert));
    assert!(!is_refused("Website", "account", Mode::Upsert));
}

#[test]
fn very_many_equal_columns() {
    let header = format!("email{}", ",Tag".repeat(9_999));
    assert_eq!(map(&header, "contact").columns[9_999].name, "Tag (9999)");
    let over = format!("email{}", ",Tag".repeat(10_000));
    let refused = built(&over, "contact", None, Mode::Upsert);
    assert!(matches!(
        refused,
        Err(Refusal::TooManyColumns { found: 10_001, .. })
    ));
}

#[test]
fn a_report_leaves_the_names_of_the_files_columns_alone() {
    for own in [
        "email,,Tag,Tag (3),Tag,row_number,row_number (2),=1+1,''x",
        ",email,Column 1,",
        "Column 2,,email",
    ] {
        let original = map(own, "contact");
        let columns = crate::imports::write::chunk::own_columns(&original);
        let repair = map(
            &format!("row_number,line_number,error_message,{columns}"),
            "contact",
        );
        let own = |map: &HeaderMap| -> Vec<(String, ColumnUse)> {
            let columns = map
                .columns
                .iter()
                .filter(|column| column.used_as != ColumnUse::Report);
            columns
                .map(|column| (column.name.clone(), column.used_as))
                .collect()
        };
        assert_eq!(own(&repair), own(&original));
        assert_eq!(crate::imports::write::chunk::own_columns(&repair), columns);
    }
}
