//! The words of every script are found, and ranked alike on every backend.

use domain::{access::Scope, ids::ChunkId};

use super::chunk_index::{ALL, published_texts};
use crate::World;

/// The chunks that a question finds, best first, by their place among these.
async fn found(world: &World, scope: &Scope, ids: &[ChunkId], question: &str) -> Vec<usize> {
    let hits = world.read(scope, async |tx| tx.chunk_index().lexical(question, &ALL, 100).await).await;
    hits.iter().map(|hit| ids.iter().position(|id| *id == hit.chunk_id).unwrap()).collect()
}

/// One passage of each script and form, so that a question finds its own and no other.
const TEXTS: [&str; 17] = [
    "会議の資料では重複行を削除します。",
    "合同有效期为十五年，双方同意。",
    "이 계약의 기간은 십오 년이며 연장할 수 있다.",
    "สัญญาฉบับนี้มีอายุสิบห้าปีและต่ออายุได้",
    "ສັນຍາສະບັບນີ້ມີອາຍຸສິບຫ້າປີ",
    "កិច្ចសន្យានេះមានរយៈពេលដប់ប្រាំឆ្នាំ",
    "ဤစာချုပ်သည်ဆယ့်ငါးနှစ်အကျုံးဝင်သည်",
    "العقد ساري المفعول لمدة خمسة عشر عاماً في المدينة الجديدة",
    "Договоры действуют пятнадцать лет, и это записано в приложении.",
    "The eﬃcient ﬁnal report of the year.",
    "ＡＢＣ１２３ ﾃﾞｰﾀ",
    "Das Installa-\ntionssystem läuft, und die Länder sind groß.",
    "Les fichiers de l'été sont dans le dossier, où ils étaient.",
    "Las instalaciones son fáciles para los niños de la escuela.",
    "Η ΣΥΜΒΑΣΗ ισχύει για δεκαπέντε χρόνια.",
    "यह सन्धि पन्द्रह वर्ष तक मान्य है",
    "庭に犬がいる。error E0382 at os.path.join, see sources.list 3.11",
];

/// Each question finds the one passage that holds its words, in whatever form they stand there.
pub async fn words_of_every_script_are_found(world: World) {
    let (scope, ids) = published_texts(&world, &TEXTS.map(str::to_owned)).await;
    for (question, place) in [
        ("重複行を削除", 0),
        ("重複行", 0),
        ("資料", 0),
        ("有效期", 1),
        ("合同有效期为十五年", 1),
        ("双方同意", 1),
        ("계약", 2),
        ("기간은", 2),
        ("สัญญา", 3),
        ("ต่ออายุ", 3),
        ("ສັນຍາ", 4),
        ("កិច្ចសន្យា", 5),
        ("စာချုပ်", 6),
        ("عقد", 7),
        ("العَقْد", 7),
        ("مدينة", 7),
        ("договор", 8),
        ("Что такое приложение?", 8),
        ("efficient", 9),
        ("ﬁnal", 9),
        ("abc123", 10),
        ("データ", 10),
        ("ﾃﾞｰﾀ", 10),
        ("Installationssystem", 11),
        ("Land", 11),
        ("GROSS", 11),
        ("fichier", 12),
        ("ete", 12),
        ("instalacion", 13),
        ("ninos", 13),
        ("σύμβαση", 14),
        ("सन्धि", 15),
        ("犬", 16),
        ("E0382", 16),
        ("os.path.join", 16),
        ("sources.list", 16),
        ("3.11", 16),
    ] {
        let found = found(&world, &scope, &ids, question).await;
        assert_eq!(found.first(), Some(&place), "{question}: {found:?}");
        let is_pairs = question.chars().any(|c| c > '\u{e00}');
        assert!(is_pairs || found.len() == 1, "{question}: {found:?}");
    }
    for question in ["重行", "天气", "날씨", "طقس", "погода", "weather", "E0383"] {
        assert_eq!(found(&world, &scope, &ids, question).await, [] as [usize; 0], "{question}");
    }
}

/// Where passages differ in what they hold of a question, their order does not depend on the backend.
pub async fn the_order_is_the_same_on_every_backend(world: World) {
    let texts = [
        "Оглавление. Ядро. Установка. Что такое сеть. Загрузка и разделы диска, пакеты.",
        "Ядро управляет памятью: ядро загружается первым, и ядро остаётся в памяти.",
        "Раздел диска хранит файлы.",
        "カーネルモジュールを読み込む手順と、カーネルモジュールの一覧。",
        "カーネルの設定を読み込む。",
        "モジュールの一覧。",
        "the kernel and the kernel module, and a kernel image",
        "the kernel is loaded first",
        "der Kernel ist das Erste, was geladen wird",
    ];
    let (scope, ids) = published_texts(&world, &texts.map(str::to_owned)).await;
    for (question, order) in [
        ("Что такое ядро?", &[1, 0][..]),
        ("разделы диска и файлы", &[2, 0]),
        ("カーネルモジュールとは何ですか", &[3, 5, 4]),
        ("kernel module", &[6, 7, 8]),
        ("module", &[6]),
    ] {
        let found = found(&world, &scope, &ids, question).await;
        // Of two that hold the same no order is promised.
        let (found, order) = (&found[..found.len().min(2)], &order[..order.len().min(2)]);
        assert_eq!(found.first(), order.first(), "{question}: {found:?}");
        assert_eq!(found.len(), order.len(), "{question}: {found:?}");
    }
}

/// A question that is too long, and one that asks with stop words only, are answered by what they hold.
pub async fn every_question_is_answered(world: World) {
    let texts = ["To be, or not to be", "zebra", "什么都没有", "Что это такое"];
    let (scope, ids) = published_texts(&world, &texts.map(str::to_owned)).await;
    let long = format!("zebra {}", (0..500).map(|number| format!("word{number} слово{number}")).collect::<String>());
    for (question, place) in [("to be or not", 0), (long.as_str(), 1), ("什么", 2), ("что это", 3)] {
        assert_eq!(found(&world, &scope, &ids, question).await, [place], "{question:.40}");
    }
    assert_eq!(found(&world, &scope, &ids, &"ß\u{301}".repeat(10_000)).await, [] as [usize; 0]);
}
