"""Made-up questions, sentences and passages to fill layouts with."""

from __future__ import annotations

QUESTIONS = [
    "Which river flows through the old town of Varnholt?",
    "Who painted the ceiling of the chapel at Lissen?",
    "What gas do green plants take up from the air?",
    "In which year did the Brenner canal open?",
    "What is the name of the bone in the upper arm?",
    "Which metal melts in the palm of a warm hand?",
    "Who wrote the ballad of the drowned bell?",
    "Which planet has the largest moon?",
    "What do bees carry back to their hive?",
    "Where do most salmon lay their eggs?",
    "Which instrument has forty-seven strings?",
    "What force keeps the moon near the earth?",
]
SENTENCES = [
    "The film was a delight from the first scene to the last.",
    "I waited forty minutes and the soup was cold.",
    "Nothing about this phone surprised me, for better or worse.",
    "My daughter laughed all evening, and so did I.",
    "The plot falls apart after an hour and never recovers.",
    "It arrived on Tuesday in a brown box.",
    "A warm, generous book with a heart of gold.",
    "Please never make me sit through that again!",
    "The hotel is near the station and has a lift.",
    "Best concert I have been to in ten years.",
    "The handle broke on the second day of use.",
    "They changed the opening hours last week.",
]
PASSAGES = [
    "The lighthouse at Skarvik was built in 1874 by Anders Holm. It burned oil until 1921, when "
    "the harbour board paid for an electric lamp. Two keepers lived there with their families.",
    "Marta Lindqvist sold her mill in spring and moved to the coast. She opened a bakery with her "
    "brother, and within three years it had twelve employees and a second shop in Torsund.",
    "The marsh frog lives in still water and eats beetles, worms and small fish. In winter it "
    "sleeps in the mud. It was brought to the island in 1935 and has spread since.",
    "In the final the Rovers kicked two field goals, of 23 and 41 yards, and led 13 to 7 at half "
    "time. The Kings answered with a touchdown in the third quarter and won by 4 points.",
    "The old road from Bern to Thal crosses four bridges. The longest, of stone, has nine arches "
    "and was paid for by the salt merchants of the valley, who needed it in all weathers.",
    "A comet was seen over the city for eleven nights. The clockmaker Ennis drew it each evening, "
    "and his notebook is now kept in the town library beside the great globe.",
    "Copper was first mined on the ridge by two brothers from Wales. Their shaft reached a depth "
    "of ninety metres before water stopped the work, and the pump came two years too late.",
    "The orchestra of Veldt has played every Sunday since 1902. Its first conductor, a baker, "
    "wrote the hymn of the town, and its members still wear his green hat on feast days.",
    "Three students of the school measured the shadow of the tower at noon for a year. With the "
    "figures they found its height to be 48 metres, only one less than the builder's plans say.",
    "The ferry Alma carried grain until the rail bridge opened. Since then it takes visitors to "
    "the island of swans, where a painter keeps a small museum of nets and boats.",
]
NAMES = [
    "Danube", "Anna Weber", "carbon dioxide", "1874", "humerus", "gallium", "Tomas Rehn", "Jupiter",
    "nectar", "rivers", "harp", "gravity",
]  # fmt: skip
OPTIONS = [
    ["the Danube", "the Elbe", "the Loire", "the Tiber"],
    ["Anna Weber", "Jon Falk", "Ida Brandt", "Lars Toft"],
    ["oxygen", "carbon dioxide", "helium", "neon"],
    ["1850", "1862", "1874", "1901"],
    ["femur", "tibia", "ulna", "humerus"],
    ["gallium", "iron", "copper", "lead"],
    ["Tomas Rehn", "Eva Lund", "Kai Moe", "Nils Bro"],
    ["Mars", "Jupiter", "Venus", "Saturn"],
    ["sand", "water", "nectar", "leaves"],
    ["in lakes", "at sea", "in rivers", "on land"],
    ["harp", "lute", "viola", "guitar"],
    ["magnetism", "gravity", "friction", "wind"],
]
STORIES = [
    "Tom has 5 boxes with 12 pens each and gives 8 pens away. How many pens are left?",
    "A train goes 60 km in an hour. How far does it go in 3 hours?",
    "Lena buys 4 books at $7 each and pays with a $50 note. How much change does she get?",
    "There are 24 pupils in a class, and a third of them play chess. How many play chess?",
    "A baker bakes 15 loaves a day and sells 11. How many loaves are left after 6 days?",
    "Ida runs 2 miles on each of 5 days. How many miles does she run?",
    "A farmer has 9 cows and 14 sheep. How many animals does he have?",
    "Max saves $3 a week. How many dollars does he have after 16 weeks?",
    "A rope of 36 metres is cut into 4 equal pieces. How long is each?",
    "Two jars hold 130 and 85 beans. How many beans are there in all?",
    "Each of 7 tables has 6 chairs, and 5 chairs are broken. How many chairs are whole?",
    "Pia reads 18 pages a day. How many pages does she read in a week?",
]
SUMS = ["52", "180", "22", "8", "24", "10", "23", "48", "9", "215", "37", "126"]
