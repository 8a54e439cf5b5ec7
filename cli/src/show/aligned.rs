/// The space after a column, and the least width with it, as kubectl's.
const SPACE: usize = 3;
const LEAST: usize = 6;

/// Rows in columns; nothing stands after the last one. A column is as wide as the widest of its neighbours above and
/// below, and never narrower than it was before; a cell with a line break in it ends the line.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let text: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut page = Page { lines: &lines, widths: Vec::new(), widest: Vec::new(), out: String::new() };
    page.block(0, lines.len());
    page.out
}

struct Page<'a> {
    lines: &'a [Vec<&'a str>],
    /// Of the columns of this block.
    widths: Vec<usize>,
    /// Of the columns of all blocks so far.
    widest: Vec<usize>,
    out: String,
}

impl Page<'_> {
    /// Writes lines of which the first columns have their widths already.
    fn block(&mut self, from: usize, to: usize) {
        let (column, mut first, mut at) = (self.widths.len(), from, from);
        let has = |line: &Vec<&str>| column + 1 < line.len();
        while at < to {
            if !has(&self.lines[at]) {
                at += 1;
                continue;
            }
            self.write(first, at);
            let end = (at..to).find(|line| !has(&self.lines[*line])).unwrap_or(to);
            let cells = self.lines[at..end].iter().map(|line| line[column].chars().count() + SPACE);
            let mut width = cells.max().unwrap_or_default().max(LEAST);
            match self.widest.get_mut(column) {
                Some(widest) => {
                    width = width.max(*widest);
                    *widest = width;
                }
                None => self.widest.push(width),
            }
            self.widths.push(width);
            self.block(at, end);
            self.widths.pop();
            (first, at) = (end, end);
        }
        self.write(first, to);
    }

    fn write(&mut self, from: usize, to: usize) {
        for line in &self.lines[from..to] {
            let last = line.len() - 1;
            for (at, cell) in line.iter().enumerate() {
                match self.widths.get(at).filter(|_| at < last) {
                    Some(width) => self.out += &format!("{cell:<width$}"),
                    None => self.out += cell,
                }
            }
            self.out += "\n";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<const N: usize>(rows: &[[&str; N]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_kubectl_makes_them() {
        let short = rows(&[["A", "BB", "C"], ["long-one", "x", ""]]);
        assert_eq!(columns(&short), "A          BB    C\nlong-one   x     \n");
    }

    #[test]
    fn a_line_break_in_a_cell_ends_the_block_of_its_column() {
        let broken = rows(&[["A", "B", "C"], ["a", "long\nlong", "c"], ["a", "longest", "c"]]);
        assert_eq!(columns(&broken), "A      B     C\na      long\nlong   c\na      longest   c\n");
    }
}
