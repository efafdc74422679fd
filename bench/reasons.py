"""Why a figure misses a goal, as far as it is known: what the table says below it then. docs/performance.md says more."""

REASONS = {
    "copy": "The floor reads the features from a file; here expressions are evaluated, frames folded, entities found and "
            "written.",
    "wide": "Each row meets an entity that has one or two events: finding, making and storing its state, of which pages "
            "are left partly free for updates in place. The entities take more memory than they may, so that states are set "
            "aside in a file and taken back, 0.8 times a row.",
    "added_features": "What else a row takes is so little that 20 features, most of which fold a frame, show.",
    "single_row": "Finding, loading and storing the user's state and evaluating 30 features, of a row that costs little "
                  "else; from a checkpoint on, the first full image of each page of states.",
    "many_rows": "A hundred rows of a hundred users load and store a hundred states; and two statements in three have a "
                 "user in common, so that one waits for the other's commit.",
    "latency": "A few moments in which the disk takes long for a flush make the slowest hundredth, of the floor too.",
    "reads": "Readers, inserts and what drives them share two processors; the floor's readers wait as well.",
    "hot": "A row reads the slots of the other sessions as well, up to seven, which takes 5 to 10 µs each. Where the disk is "
           "quick nothing hides that.",
    "curve": "Of an entity of 1,000,000 events a row reads a dozen nodes, where its five windows begin, each of which is "
             "found and decoded in 2 to 3 µs, and folds their summaries: half as long as all else that the row takes.",
    "row_trigger": "After a month windows are nearly empty, so that the trigger has nothing to read, and both just write.",
    "outside": "The service writes its rows to PostgreSQL too, and that with its commit is most of the time.",
}
