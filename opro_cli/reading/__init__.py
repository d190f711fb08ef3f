"""How answers are found in what models write: markers, sentences, numbers, letters, words.

The metrics beside this folder decide what is right; the modules in it only read. A reply is read
as a careful person would: where it says its answer, else with what it concludes, and not at all
where it declines, contradicts itself or was cut off. `paper_*` read as the paper's reference does.
"""
