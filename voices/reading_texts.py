"""What to read aloud for a recording of about half a minute: everyday sentences with statements, questions and numbers, and
with the sounds of the language. One text for each language of XTTS.
"""

from collections.abc import Mapping

READING_TEXTS: Mapping[str, str] = {
    "en": "Good morning! I got up early today, because the weather is finally beautiful. On the way to the station "
    "I met an old friend, and we talked about the trip we want to take together in June. Have you ever seen "
    "the sea in winter? It is quiet, grey and huge, and you can hear every single wave. We plan to stay for "
    "three weeks, in a small house with a blue door. I will bring my camera, a good book and plenty of warm "
    "clothes.",
    "ru": "Доброе утро! Сегодня я встал пораньше, потому что погода наконец-то хорошая. По дороге на вокзал я "
    "встретил старого друга, и мы поговорили о поездке, в которую хотим отправиться вместе в июне. Вы "
    "когда-нибудь видели море зимой? Оно тихое, серое и огромное, и слышно каждую волну. Мы хотим пожить там "
    "три недели, в маленьком доме с синей дверью. Я возьму с собой фотоаппарат, интересную книгу и побольше "
    "тёплых вещей.",
    "es": "¡Buenos días! Hoy me levanté temprano, porque por fin hace buen tiempo. Camino de la estación me "
    "encontré con un viejo amigo y hablamos del viaje que queremos hacer juntos en junio. ¿Has visto alguna "
    "vez el mar en invierno? Está tranquilo, gris y enorme, y se oye cada ola. Pensamos quedarnos tres "
    "semanas en una casa pequeña con la puerta azul. Llevaré mi cámara, un buen libro y mucha ropa de abrigo.",
    "fr": "Bonjour ! Aujourd'hui, je me suis levé tôt, parce qu'il fait enfin beau. En allant à la gare, j'ai "
    "rencontré un vieil ami, et nous avons parlé du voyage que nous voulons faire ensemble au mois de juin. "
    "Avez-vous déjà vu la mer en hiver ? Elle est calme, grise, immense, et l'on entend chaque vague. Nous "
    "resterons trois semaines dans une petite maison à la porte bleue. J'emporterai mon appareil photo, un "
    "bon livre et beaucoup de vêtements chauds.",
    "de": "Guten Morgen! Heute bin ich früh aufgestanden, weil das Wetter endlich schön ist. Auf dem Weg zum "
    "Bahnhof traf ich einen alten Freund, und wir sprachen über die Reise, die wir im Juni zusammen machen "
    "möchten. Haben Sie schon einmal das Meer im Winter gesehen? Es ist ruhig, grau und riesig, und man hört "
    "jede einzelne Welle. Wir bleiben drei Wochen in einem kleinen Haus mit blauer Tür. Ich nehme meine "
    "Kamera, ein gutes Buch und viele warme Sachen mit.",
    "it": "Buongiorno! Oggi mi sono alzato presto, perché finalmente fa bel tempo. Andando alla stazione ho "
    "incontrato un vecchio amico, e abbiamo parlato del viaggio che vogliamo fare insieme a giugno. Avete "
    "mai visto il mare d'inverno? È tranquillo, grigio e immenso, e si sente ogni onda. Resteremo tre "
    "settimane in una piccola casa con la porta azzurra. Porterò la macchina fotografica, un bel libro e "
    "molti vestiti caldi.",
    "pt": "Bom dia! Hoje levantei cedo, porque finalmente o tempo está bonito. No caminho para a estação encontrei "
    "um velho amigo, e falamos da viagem que queremos fazer juntos em junho. Você já viu o mar no inverno? "
    "Ele é calmo, cinzento e enorme, e ouve-se cada onda. Vamos ficar três semanas numa casa pequena com uma "
    "porta azul. Vou levar a minha câmera, um bom livro e muita roupa quente.",
    "pl": "Dzień dobry! Dzisiaj wstałem wcześnie, bo pogoda jest wreszcie piękna. W drodze na dworzec spotkałem "
    "starego przyjaciela i rozmawialiśmy o podróży, na którą chcemy razem pojechać w czerwcu. Czy "
    "widzieliście kiedyś morze zimą? Jest ciche, szare i ogromne, i słychać każdą falę. Zostaniemy trzy "
    "tygodnie w małym domu z niebieskimi drzwiami. Wezmę ze sobą aparat, dobrą książkę i dużo ciepłych ubrań.",
    "tr": "Günaydın! Bugün erken kalktım, çünkü hava sonunda çok güzel. İstasyona giderken eski bir arkadaşıma "
    "rastladım ve haziran ayında birlikte çıkmak istediğimiz yolculuktan konuştuk. Kışın denizi hiç gördünüz "
    "mü? Sessiz, gri ve kocaman olur, her dalga tek tek duyulur. Mavi kapılı küçük bir evde üç hafta "
    "kalacağız. Yanıma fotoğraf makinemi, güzel bir kitap ve bol bol kalın giysi alacağım.",
    "nl": "Goedemorgen! Vandaag ben ik vroeg opgestaan, want het weer is eindelijk mooi. Op weg naar het station "
    "kwam ik een oude vriend tegen, en we praatten over de reis die we in juni samen willen maken. Heb je de "
    "zee weleens in de winter gezien? Ze is rustig, grijs en enorm, en je hoort elke golf. We blijven drie "
    "weken in een klein huis met een blauwe deur. Ik neem mijn camera, een goed boek en veel warme kleren "
    "mee.",
    "cs": "Dobré ráno! Dnes jsem vstal brzy, protože je konečně krásné počasí. Cestou na nádraží jsem potkal "
    "starého přítele a mluvili jsme o cestě, na kterou chceme v červnu společně vyrazit. Viděli jste někdy "
    "moře v zimě? Je tiché, šedé a obrovské a je slyšet každou vlnu. Zůstaneme tři týdny v malém domě s "
    "modrými dveřmi. Vezmu si s sebou fotoaparát, dobrou knihu a hodně teplého oblečení.",
    "ar": "صباح الخير! استيقظت اليوم مبكرا لأن الطقس جميل أخيرا. في طريقي إلى المحطة قابلت صديقا قديما، "
    "وتحدثنا عن الرحلة التي نريد أن نقوم بها معا في شهر يونيو. هل رأيت البحر في الشتاء من قبل؟ إنه "
    "هادئ ورمادي وواسع، وتسمع فيه صوت كل موجة. سنبقى ثلاثة أسابيع في بيت صغير له باب أزرق. سآخذ معي "
    "آلة التصوير وكتابا جيدا وكثيرا من الملابس الدافئة.",
    "zh-cn": "早上好!今天我起得很早,因为天气终于变好了。在去火车站的路上,我遇到了一位老朋友,我们谈起了六月份想一起去的"
    "旅行。你见过冬天的大海吗?它安静、灰蒙蒙的,而且非常辽阔,每一个浪花的声音都听得见。我们打算在一座有蓝色大"
    "门的小房子里住三个星期。我会带上照相机、一本好书,还有很多暖和的衣服。",
    "ja": "おはようございます。今日は早く起きました。やっと天気がよくなったからです。駅へ行く途中で古い友人に会い、"
    "六月に一緒に行く旅行について話しました。冬の海を見たことがありますか。静かで、灰色で、とても大きくて、波"
    "の音が一つ一つ聞こえます。青いドアの小さな家に三週間泊まるつもりです。カメラと面白い本、それから暖かい服"
    "をたくさん持っていきます。",
    "hu": "Jó reggelt! Ma korán keltem, mert végre szép idő van. Az állomás felé menet találkoztam egy régi "
    "barátommal, és arról az utazásról beszélgettünk, amelyre júniusban együtt szeretnénk elmenni. Láttátok "
    "már a tengert télen? Csendes, szürke és hatalmas, és minden egyes hullámot hallani. Három hétig "
    "maradunk egy kék ajtós kis házban. Viszem a fényképezőgépemet, egy jó könyvet és sok meleg ruhát.",
    "ko": "안녕하세요! 오늘은 날씨가 드디어 좋아져서 일찍 일어났습니다. 역으로 가는 길에 오랜 친구를 만나서, "
    "유월에 함께 가고 싶은 여행에 대해 이야기했습니다. 겨울 바다를 본 적이 있나요? 조용하고 잿빛이며 아주 "
    "넓어서, 파도 소리가 하나하나 들립니다. 우리는 파란 문이 있는 작은 집에서 삼 주 동안 지낼 생각입니다. "
    "저는 사진기와 좋은 책, 그리고 따뜻한 옷을 많이 가져갈 거예요.",
    "hi": "सुप्रभात! आज मैं जल्दी उठा, क्योंकि मौसम आखिरकार अच्छा हो गया है। स्टेशन जाते समय मुझे एक "
    "पुराना दोस्त मिला, और हमने उस यात्रा के बारे में बात की, जिस पर हम जून में साथ जाना चाहते हैं। "
    "क्या आपने कभी सर्दियों में समुद्र देखा है? वह शांत, धूसर और बहुत विशाल होता है, और हर लहर सुनाई "
    "देती है। हम नीले दरवाज़े वाले एक छोटे घर में तीन हफ़्ते रहेंगे। मैं अपना कैमरा, एक अच्छी किताब "
    "और बहुत सारे गरम कपड़े ले जाऊँगा।",
}
