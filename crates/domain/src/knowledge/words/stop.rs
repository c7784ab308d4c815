//! Words that tell what a text's language is and nothing of its subject: articles, pronouns, prepositions,
//! conjunctions, forms of "be", and the words that questions begin with.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::UnicodeNormalization;

use super::Language;

/// The stop words of each language, as they are after NFKC and without case.
const LISTS: &[(Language, &str)] = &[
    (
        Language::English,
        "a about after all also am an and any are as at be because been but by can could did do does for from had has \
         have he her here his how i if in into is it its just may me might more most must my no not of on only or \
         other our out over shall she should so some such than that the their them then there these they this those \
         to up us very was we were what when where which while who whom whose why will with would you your",
    ),
    (
        Language::German,
        "aber alle als am an auch auf aus bei bin bis bist da damit dann das dass dein dem den denn der des dessen die \
         dies diese dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch für gibt habe \
         haben hat hatte ich ihr im in ins ist ja jede jeder jedes kann kein keine können man mein mich mir mit muss \
         müssen nach nicht noch nur ob oder ohne sehr sein seine sich sie sind so soll sollte über um und uns unter \
         vom von vor wann war warum was weil welche welchem welchen welcher welches wenn wer werden wie wieso wird wir \
         wo wofür womit wozu wurde zu zum zur zwischen",
    ),
    (
        Language::French,
        "à afin ai au aux avec avoir c ce ceci cela ces cet cette chez comme comment d dans de depuis des dont du elle \
         elles en entre es est et était être eux fait faut ici il ils j je l la le les leur leurs lors lui m ma mais \
         me même mes mon n ne ni nos notre nous on ont ou où par pas peut plus pour pourquoi qu quand que quel quelle \
         quelles quels qui quoi s sa sans se sera ses si son sont sous sur t ta te tes toi ton tous tout toute toutes \
         sert très tu un une vos votre vous y",
    ),
    (
        Language::Spanish,
        "a al algo ante antes como cómo con contra cuál cuales cuáles cuándo cuando de del desde donde dónde dos e el \
         él ella ellas ellos en entre era es esa ese eso esta está estas este esto estos están fue ha hace hacia han \
         hasta hay la las le les lo los más me mi muy no nos nosotros o os otra otro para pero por porque puede qué \
         que quién quien quiénes se sea ser si sí sin sobre son su sus también te tiene todo todos tu tú un una uno \
         sirve unos usted y ya yo",
    ),
    (
        Language::Italian,
        "a agli ai al alla alle allo anche c che chi ci come con cosa cui d da dagli dai dal dalla dalle degli dei del \
         della delle dello di dove e è ed era essere fa gli ha hanno i il in io l la le lei lo loro lui ma mi mio \
         negli nei nel nella nelle noi non o per perché più può qual quale quali quando quella quello questa queste \
         questi questo se sei si sono sta su sua sue sugli sui sul sulla suo suoi tra tu tutti tutto un una uno vi voi",
    ),
    (
        Language::Portuguese,
        "a ao aos as às até com como da das de dela dele deles do dos e é ela elas ele eles em entre era essa esse \
         esta está este isso isto já lhe mais mas me mesmo meu muito na não nas nem no nos nós o onde os ou para pela \
         pelo pelos por porque pode qual quais quando quanto que quem são se seja sem ser seu seus sob sobre sua suas \
         também te tem têm todo todos tu um uma você vocês",
    ),
    (
        Language::Dutch,
        "aan al alle als bij daar dan dat de deze die dit door dus een en er ga geen geweest haar had hebben heeft hem \
         het hier hij hoe hun ik in is je kan kunnen maar me meer men met mij mijn moet na naar niet nog nu of om ons \
         ook op over te tegen toch toen tot u uit uw van veel voor waar waarom wanneer was wat we wel welk welke werd \
         wie wij word worden wordt zal ze zich zij zijn zo zonder zou",
    ),
    (
        Language::Swedish,
        "alla allt att av bara bli blir bör de dem den denna deras dess dessa det detta dig din du där efter ej eller \
         en er ett finns från för ha hade han hans har hon honom hur här i icke inte jag ju kan kunde man med mellan \
         men mig min mot mycket när ni nu och om oss på samma sedan sig sin ska skall skulle som så till under upp ut \
         utan vad var varför varje vem vi vid vilka vilken vilket vill är över",
    ),
    (
        Language::Danish,
        "ad af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig din dog du efter eller \
         en end er et for fra før ham han hans har havde hende hendes her hos hun hvad hvem hver hvilken hvilket hvis \
         hvor hvordan hvorfor hvornår i ikke ind jeg jer kan kunne man mange med meget men mig min mod ned noget nogle \
         nu når og også om op os over på sig skal skulle som sådan thi til ud under var vi vil ville vor være været",
    ),
    (
        Language::Norwegian,
        "alle at av bare ble bli blir da de deg dem den denne der dere deres det dette din disse du eller en er et \
         etter for fordi fra før ha hadde han hans har hennes her hos hun hva hvem hver hvilke hvilken hvis hvor \
         hvordan hvorfor i ikke inn jeg kan kunne man mange med meg mellom men min mot må noe noen nå når og også om \
         opp oss over på seg selv si sin skal skulle slik som så til under ut uten var ved vi vil ville vår være vært",
    ),
    (
        Language::Finnish,
        "ei eivät en ennen että he hän ja jo joka jolla jonka jos jotka juuri kanssa koska kuin kuinka kuka kun kuten \
         lisäksi me mihin miksi mikä millainen milloin minkä minä missä mitkä mitä miten mukaan mutta muu myös ne niin \
         niitä noin nyt olla oli olisi olivat on onko ovat pitää saa se sekä sen siellä siinä sillä sitten sitä tai \
         te tulee tämä tämän tässä tätä vaan vai vain voi voidaan vuoksi",
    ),
    (
        Language::Hungarian,
        "a abban ahol aki akkor ami amely az azok azt be csak de egy egyik ehhez el ennek és ez ezek ezt fel hanem \
         hogy hogyan hol honnan ha igen ill is itt ki kell lehet lesz le lett még meg mely mert mi miért mik mikor \
         mint mit nagyon nem nincs olyan ott ő össze pedig s sem sok szerint szükséges után vagy van vannak volt",
    ),
    (
        Language::Romanian,
        "a ai al ale am ar are aș asta atunci au ca când care ce cei cel cele cine ci cu cum da dacă dar de deci decât \
         din doar după ea ei el ele era este eu fi fie fost iar în încă între la le lor lui mai mult ne nici nu o \
         pe pentru prin sa sau să se și sunt sub te tot toate tu un una unde unei unor unui va voi vor",
    ),
    (
        Language::Turkish,
        "ama ancak bir biri biz bu bunu bunun çok çünkü da daha de değil diye en eğer gibi hangi hem hep her hiç için \
         ile ise kadar ki kim mi mı mu mü nasıl ne neden nedir nerede nereye niçin niye o olan olarak oldu olduğu \
         olup onlar onu sadece şey sen siz şu tüm üzere var ve veya ya yani yok",
    ),
    (
        Language::Russian,
        "а без бы был была были было быть в вам вас во вот все всего всех вы где да для до его ее если есть ещё еще ее \
         её ей ему же за зачем и из или им их к как какая какие какими каких какое какой каком каков кем ко когда кого \
         кому которая которого которое которой которые который которых кто куда ли лишь меня мне может можно мы на над \
         нам нас не него нее неё нет ни них но ну о об он она они оно от по под почему при с сам себя со так такая \
         такие таких такое такого такой там тебе того тоже только тот ту ты у уже чего чем что чтобы чья эта эти этих \
         это этого этой этом этот я является",
    ),
    (
        Language::Arabic,
        "ابن اذا الا الى الذي الذين التي اللذان الي ام ان انا انت انه انها او اي اين اية بعد بل بين تكون تلك ثم حتي حتى \
         حول حين خلال ذلك سوف شيء ضد عن عند عندما علي على عليه عليها غير فان في فيه فيها قبل قد كان كانت كل كم كما \
         كيف كيفية لا لدي لكن لكي لم لماذا لن له لها ليس ليست ما ماذا مع من منذ منه منها متي متى نحن هذا هذه هل هم هنا \
         هناك هو هي و وما وهو وهي يتم يكون يمكن يمكنني",
    ),
    (
        Language::Greek,
        "αλλά αν αντί από αυτά αυτή αυτό αυτός για γιατί δεν διά εάν είναι ενώ επί η ήταν θα και κατά με μετά μη μια \
         να ο οι όπου όταν ότι ποια ποιο ποιος που πού προς πρέπει πώς πως σαν σε στα στη στην στο στον τα τι τη την \
         της το τον του τους των υπό ως",
    ),
];

/// Which languages a word is a stop word of, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Languages(u32);

impl Languages {
    pub(super) fn has(self, language: Language) -> bool {
        self.0 & (1 << language as u32) != 0
    }
}

static TABLE: LazyLock<HashMap<&'static str, Languages>> = LazyLock::new(|| {
    let mut table: HashMap<&str, Languages> = HashMap::new();
    for (language, list) in LISTS {
        for word in list.split_whitespace() {
            table.entry(word).or_insert(Languages(0)).0 |= 1 << *language as u32;
        }
    }
    table
});

/// The languages that a word, after NFKC and without case, is a stop word of.
pub(super) fn languages_of(word: &str) -> Languages {
    TABLE.get(word).copied().unwrap_or(Languages(0))
}

/// What is asked with in scripts without spaces, longer ones first where one begins with another: as long as
/// something is left, it is taken out of a question before that is cut into pairs.
const ASKING: &[&str] = &[
    "とは何ですか",
    "とはなんですか",
    "ですか",
    "ますか",
    "でしょうか",
    "ください",
    "とは",
    "どのように",
    "どうやって",
    "どうすれば",
    "どのような",
    "どこ",
    "なぜ",
    "何のため",
    "何ですか",
    "何",
    "について",
    "为什么",
    "為什麼",
    "是什么",
    "是什麼",
    "什么是",
    "什麼是",
    "什么",
    "什麼",
    "怎么样",
    "怎么",
    "怎麼",
    "怎样",
    "怎樣",
    "如何",
    "哪些",
    "哪个",
    "哪個",
    "哪里",
    "哪裡",
    "是否",
    "请问",
    "請問",
    "多少",
    "可以",
    "吗",
    "嗎",
    "呢",
    "무엇입니까",
    "무엇인가요",
    "무엇",
    "입니까",
    "습니까",
    "인가요",
    "나요",
    "어떻게",
    "어디",
    "어떤",
    "왜",
    "คืออะไร",
    "อะไรคือ",
    "อะไร",
    "อย่างไร",
    "ยังไง",
    "ทำไม",
    "ที่ไหน",
    "เมื่อไร",
    "หรือไม่",
    "ແມ່ນຫຍັງ",
    "ຫຍັງ",
    "ແນວໃດ",
    "អ្វី",
    "ដូចម្តេច",
    "ဘာလဲ",
    "ဘယ်လို",
];

static ASKED_WITH: LazyLock<Vec<String>> =
    LazyLock::new(|| ASKING.iter().map(|phrase| phrase.nfkc().collect()).collect());

/// A question, after NFKC and without case, without what it is asked with.
pub(super) fn without_asking(question: &str) -> Option<String> {
    if question.is_ascii() {
        return None;
    }
    let mut rest = question.to_owned();
    for phrase in ASKED_WITH.iter() {
        if rest.contains(phrase.as_str()) {
            rest = rest.replace(phrase.as_str(), " ");
        }
    }
    (rest.len() < question.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_words_are_looked_up() {
        for (language, list) in LISTS {
            for word in list.split_whitespace() {
                assert_eq!(word, word.nfkc().collect::<String>().to_lowercase(), "{language:?}");
                assert!(languages_of(word).has(*language), "{word}");
            }
        }
        assert_eq!(languages_of("harbour"), Languages(0));
    }

    #[test]
    fn what_is_asked_with_is_no_subject() {
        assert_eq!(without_asking("重複行とは何ですか").as_deref(), Some("重複行 "));
        assert_eq!(without_asking("什么是内核模块").as_deref(), Some(" 内核模块"));
        assert_eq!(without_asking("was ist das"), None);
    }
}
