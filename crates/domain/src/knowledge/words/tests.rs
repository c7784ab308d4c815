use super::*;

fn terms(text: &str) -> HashSet<String> {
    let mut terms = HashSet::new();
    Cutter::default().each_term(&[text], |term| {
        terms.insert(term.to_owned());
    });
    terms
}

/// Whether a text holds every word of a question.
fn finds(question: &str, text: &str) -> bool {
    let (words, terms) = (of_question(question), terms(text));
    !words.is_empty() && words.iter().all(|word| word.iter().any(|term| terms.contains(term)))
}

#[test]
fn words_of_every_script_are_found() {
    for (question, text) in [
        ("重複行を削除", "会議の資料では重複行を削除します。"),
        ("重複行", "会議の資料では重複行を削除します。"),
        ("有效期", "合同有效期为十五年，双方同意。"),
        ("สัญญา", "สัญญาฉบับนี้มีอายุสิบห้าปีและต่ออายุได้"),
        ("계약", "이 계약의 기간은 십오 년이며 연장할 수 있다."),
        ("ສັນຍາ", "ສັນຍາສະບັບນີ້ມີອາຍຸສິບຫ້າປີ"),
        ("កិច្ចសន្យា", "កិច្ចសន្យានេះមានរយៈពេលដប់ប្រាំឆ្នាំ"),
        ("စာချုပ်", "ဤစာချုပ်သည်ဆယ့်ငါးနှစ်အကျုံးဝင်သည်"),
        ("犬", "庭に犬がいる。"),
        ("データ", "ﾃﾞｰﾀ削除"),
        ("عقد", "العقد ساري المفعول"),
        ("الكِتَاب", "كتاب عن اللغة"),
        ("عقد", "شروط والعقد ساري"),
        ("عقد", "الملتزم بالعقد ساري"),
        ("عقد", "وفقا للعقد"),
        ("مدينة", "في المدينة"),
        ("مستخدم", "المستخدمون والمستخدمين"),
        ("ملف", "ملفات كثيرة"),
        ("برنامج", "البرنامج الجديد"),
        ("احمد", "كتب أحمد الرسالة"),
        ("العربية", "اللغة العربيـــة"),
        ("договоры", "Договор действует пятнадцать лет."),
        ("елка", "Ёлки стоят в лесу"),
        ("सन्धि", "यह सन्धि है"),
        ("efficient", "The eﬃcient ﬁnal report."),
        ("ABC123", "Ｃｏｄｅ ＡＢＣ１２３"),
        ("kapitel viii", "Kapitel Ⅷ"),
        ("Installationssystem", "Das Installa-\ntionssystem läuft."),
        ("strasse", "Die Straße ist lang und schmal"),
        ("cafe", "Ein Café, das immer offen ist"),
        ("łódź", "Lodz"),
        ("Όνομα", "ονομα"),
    ] {
        assert!(finds(question, text), "{question} in {text}: {:?} {:?}", of_question(question), terms(text));
    }
    assert!(!finds("重行", "会議の資料では重複行を削除します。"));
    assert!(!finds("note", "It is not there"));
}

#[test]
fn forms_of_a_word_meet_in_its_language() {
    for (question, text) in [
        ("Reading files", "She reads a file in the garden"),
        ("Installationen", "Die Installation ist nicht zu Ende und wird fortgesetzt"),
        ("les fichiers", "Le fichier est dans le dossier"),
        ("instalaciones", "La instalación es muy fácil para los usuarios"),
        ("instalacion", "Las instalaciones son muy fáciles para los usuarios"),
        ("Länder", "Das Land ist nicht groß und liegt am Meer"),
        ("mange", "Il a mangé dans le jardin avec les enfants"),
        ("musica", "La música está en la casa y no en la calle"),
        ("пакетов", "Пакеты для установки"),
        ("pacchetti", "Il pacchetto è nella cartella e non si vede"),
        ("filerna", "Filen är på disken och den är inte stor"),
    ] {
        assert!(finds(question, text), "{question} in {text}: {:?} {:?}", of_question(question), terms(text));
    }
}

#[test]
fn a_text_whose_language_was_misjudged_is_found() {
    // No stop word tells that these are not English.
    for text in ["Systemanforderungen", "Fichiers temporaires", "Configuración regional"] {
        for word in text.split(' ') {
            assert!(finds(word, text), "{word}");
        }
    }
}

#[test]
fn stop_words_are_asked_for_only_where_nothing_else_is() {
    let forms = |question| of_question(question).iter().map(|word| word[0].clone()).collect::<Vec<_>>();
    assert_eq!(forms("Что такое ядро?"), forms("ядро"));
    assert_eq!(forms("Was ist ein Kernel?"), ["kernel·en"]);
    assert_eq!(forms("Qu'est-ce que le noyau ?"), ["noyau·en"]);
    assert_eq!(forms("What is die casting?"), ["die·en", "cast·en"]);
    assert_eq!(forms("什么是内核"), ["内核"]);
    assert_eq!(forms("ما هو العقد"), forms("العقد"));
    assert_eq!(forms("to be or not"), ["to·en", "be·en", "or·en", "not·en"]);
    assert_eq!(forms("什么"), ["什么"]);
    assert_eq!(forms("Reading files, the FILE"), ["read·en", "file·en", "fil·it"]);
}

#[test]
fn names_stay_whole_enough_to_be_found() {
    let forms = |question| of_question(question).iter().map(|word| word[0].clone()).collect::<Vec<_>>();
    assert_eq!(forms("os.path.join"), ["os·en", "path·en", "join·en"]);
    assert_eq!(forms("error E0382 in 3.11"), ["error·en", "e0382", "3", "11"]);
    for question in ["os.path.join", "E0382", "my_outer_join2", "sources.list", "3.11", "/etc/fstab"] {
        assert!(finds(question, &format!("See {question} for what it is.")), "{question}");
        assert!(finds(question, &format!("Siehe {question} für das, was es ist, und mehr.")), "{question}");
        assert!(finds(question, &format!("詳しくは{question}を参照。")), "{question}");
    }
}

#[test]
fn a_long_question_is_bounded() {
    let long: Vec<String> = (0..1000).map(|number| format!("w{number}")).collect();
    assert_eq!(of_question(&long.join(" ")).len(), MAX_QUESTION_WORDS);
    assert_eq!(of_question(&"é".repeat(MAX_QUESTION_BYTES)).len(), 1);
    assert!(of_question(" ?! \"\" \0").is_empty());
}
