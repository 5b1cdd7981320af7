//! Tables in documents, as data: what a page lists can be held against what there is.

/// The rows of the first table under a heading, without its head: the text of each cell, with the marks of code taken
/// off a cell that is code as a whole.
///
/// Panics when there is no such heading, or no table before the next one.
pub fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let is_heading = |line: &str| line.trim_start_matches('#').trim() == heading && line.starts_with('#');
    let mut lines = document.lines().skip_while(|line| !is_heading(line));
    assert!(lines.next().is_some(), "no heading `{heading}`");
    let section = lines.take_while(|line| !line.starts_with('#'));
    let rows: Vec<&str> =
        section.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 2, "no table under `{heading}`");
    rows.iter().skip(2).map(|row| cells(row)).collect()
}

fn cells(row: &str) -> Vec<String> {
    let inner = row.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner.split('|').map(|cell| text(cell.trim()).to_owned()).collect()
}

/// What code shows: one blank on either side belongs to the marks, if it is on both.
fn text(cell: &str) -> &str {
    for marks in ["``", "`"] {
        let code = cell.strip_prefix(marks).and_then(|rest| rest.strip_suffix(marks));
        if let Some(code) = code.filter(|code| !code.contains(marks)) {
            return code.strip_prefix(' ').and_then(|rest| rest.strip_suffix(' ')).unwrap_or(code);
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_named_table_are_read_without_marks() {
        let document = "# A\n| x |\n|---|\n| no |\n## B\ntext\n\n| a | b | c |\n|---|---|---|\n\
                        | `1` | `x` and `y` | |\n| `` `q` `` | ``w `q` e`` | … |\n\n| other |\n|---|\n| no |\n";
        assert_eq!(table(document, "B"), [vec!["1", "`x` and `y`", ""], vec!["`q`", "w `q` e", "…"]]);
    }

    #[test]
    #[should_panic(expected = "no table under `A`")]
    fn a_table_of_the_next_heading_is_not_taken() {
        table("# A\n# B\n| x |\n|---|\n| y |\n", "A");
    }
}
