//! Secrets and environments as a matrix that fits the width there is.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

const GAP: usize = 2;

/// Renders a row for each secret and a column for each environment. Columns that do not fit stand in a further matrix
/// below, and where not even one fits, each secret has a line of its own with its environments below it.
pub fn matrix(environments: &[&str], rows: &[(&str, Vec<&str>)], width: usize) -> String {
    let name = rows.iter().map(|(name, _)| name.width()).chain(["secret".len()]).max().unwrap_or_default();
    let columns: Vec<usize> = environments
        .iter()
        .enumerate()
        .map(|(index, environment)| {
            let cells = rows.iter().filter_map(|(_, cells)| cells.get(index)).map(|cell| cell.width());
            cells.chain([environment.width()]).max().unwrap_or_default()
        })
        .collect();
    if columns.iter().any(|column| name + GAP + column > width) {
        return stacked(environments, rows);
    }
    let mut text = String::new();
    let mut first = 0;
    while first < columns.len() {
        let mut used = name;
        let fits = |column: &&usize| {
            used += GAP + **column;
            used <= width
        };
        let last = first + columns[first..].iter().take_while(fits).count();
        if first > 0 {
            text.push('\n');
        }
        line(&mut text, ("secret", name), environments[first..last].iter().zip(&columns[first..last]));
        for (secret, cells) in rows {
            line(&mut text, (secret, name), cells[first..last].iter().zip(&columns[first..last]));
        }
        first = last;
    }
    text
}

fn line<'a>(text: &mut String, first: (&str, usize), cells: impl Iterator<Item = (&'a &'a str, &'a usize)>) {
    let mut end = first.1;
    let _ = write!(text, "{:end$}", first.0);
    for (cell, column) in cells {
        end = *column;
        let _ = write!(text, "  {cell:end$}");
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

fn stacked(environments: &[&str], rows: &[(&str, Vec<&str>)]) -> String {
    let widest = environments.iter().map(|environment| environment.width()).max().unwrap_or_default();
    let mut text = String::new();
    for (secret, cells) in rows {
        let _ = writeln!(text, "{secret}");
        for (environment, cell) in environments.iter().zip(cells) {
            let _ = writeln!(text, "  {environment:widest$}  {cell}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fold_where_the_width_ends() {
        let environments = ["staging", "production", "eu"];
        let rows = [("A_LONG_NAME", vec!["set", "missing", "-"]), ("B", vec!["overdue", "set", "set, age unknown"])];
        let matrix = |width| matrix(&environments, &rows, width);
        assert_eq!(
            matrix(80),
            "secret       staging  production  eu\n\
             A_LONG_NAME  set      missing     -\n\
             B            overdue  set         set, age unknown\n"
        );
        assert_eq!(
            matrix(40),
            "secret       staging  production\n\
             A_LONG_NAME  set      missing\n\
             B            overdue  set\n\
             \n\
             secret       eu\n\
             A_LONG_NAME  -\n\
             B            set, age unknown\n"
        );
        assert_eq!(
            matrix(28),
            "A_LONG_NAME\n  staging     set\n  production  missing\n  eu          -\n\
             B\n  staging     overdue\n  production  set\n  eu          set, age unknown\n"
        );
        for width in 29..80 {
            assert!(matrix(width).lines().all(|line| line.len() <= width), "{width}");
        }
    }
}
