"""Words that Finns are known to build passwords from: the English lists of the strength estimator lack them.

The commonest stand first, because the estimator takes the place in the list as the number of guesses.
"""

_WORDS = """
salasana salis salainen perkele saatana vittu paska kyrpä helvetti jumalauta moikka moimoi terve tervetuloa kiitos suomi finland
helsinki tampere turku oulu espoo vantaa lahti kuopio jyväskylä pori joensuu lappeenranta rovaniemi vaasa kotka seinäjoki hämeenlinna
mikkeli porvoo kajaani savonlinna rauma kokkola imatra hyvinkää nokia lohja kerava kouvola salo lappi karjala savo häme pohjanmaa
uusimaa satakunta ahvenanmaa kainuu stadi suomalainen sisu sauna salmiakki lakritsi karjalanpiirakka lonkero koskenkorva olut kalja
kahvi maito leipä juusto makkara mökki järvi metsä meri saari hirvi karhu susi kettu jänis orava kissa koira hevonen lehmä lammas
kana kala hauki ahven lohi tiikeri leijona pantteri kotka pöllö joutsen nalle nallekarhu muumi muumipeikko nuuskamuikkunen pikkumyy
joulupukki joulu juhannus vappu pääsiäinen kesä talvi syksy kevät kesäloma aurinko lumi jää sade tuuli pilvi tähti kuu taivas maa
tammikuu helmikuu maaliskuu huhtikuu toukokuu kesäkuu heinäkuu elokuu syyskuu lokakuu marraskuu joulukuu maanantai tiistai keskiviikko
torstai perjantai lauantai sunnuntai viikko tänään huomenna eilen rakas rakkaus kulta kultamussukka muru hani sydän ystävä perhe koti
äiti isä iskä mamma pappa mummo mummi ukki vaari lapsi vauva poika tyttö veli sisko serkku mies nainen vaimo elämä onni ilo toivo usko
matti mikko juha jari timo antti kari hannu jukka petri sami janne marko jussi ville tuomas pekka lauri heikki ilkka tero pasi kimmo
markku seppo reijo esa eero olli aleksi eetu joonas juho kalle niko santeri teemu tommi tuomo vesa väinö onni eino toivo
maria anna liisa maija tiina minna sari anne päivi kirsi mari johanna katja hanna laura jenni heidi riikka satu emilia sofia aino
emma venla helmi ella eevi lotta sanna susanna tuula marja ritva leena pirjo eila kaarina anneli marjatta hannele orvokki
korhonen virtanen mäkinen nieminen mäkelä hämäläinen laine heikkinen koskinen järvinen lehtonen lehtinen saarinen salminen heinonen
niemi heikkilä kinnunen salonen turunen salo laitinen tuominen rantanen karjalainen jokinen mattila savolainen lahtinen ahonen
jokerit hifk ilves tappara kärpät tps ässät lukko hpk ipa sport saipa pelicans jypit hjk kiekko jääkiekko futis jalkapallo lätkä
formula räikkönen häkkinen litmanen selänne kurri koivu hakkinen raikkonen teemu8 nokia3310 linux tietokone kone auto mopo traktori
mersu volvo toyota kännykkä puhelin netti koodi tunnus tunnari käyttäjä kayttaja ylläpito yllapito pääkäyttäjä admin vieras testi
testaaja kokeilu esimerkki yritys yrittäjä firma toimisto kirjanpito kirjanpitäjä tilitoimisto tilinpäätös tilinpaatos kuitti kuitit
lasku laskutus verottaja verot alv arvonlisävero arvonlisavero palkka palkat raha rahaa euro eurot pankki osuuspankki nordea säästö
qwertyuiopå asdfghjklöä asdfghjklö åäö öäå yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen yksikaksikolme
punainen sininen keltainen vihreä musta valkoinen sinivalkoinen pinkki kaunis hyvä paras mahtava ihana hauska iloinen vanha uusi
en muista unohdin avaa avain lukko ovi sisään kirjaudu kirjautuminen turvallinen vahva pitkä pitkäsalasana hyväsalasana uusisalasana
"""

FINNISH_WORDS: tuple[str, ...] = tuple(dict.fromkeys(_WORDS.split()))
