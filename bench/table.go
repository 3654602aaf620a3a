package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// A column of a table: words stand to the left, figures to the right.
type column struct {
	name    string
	width   int // at least
	figures bool
}

func wordsIn(name string, width int) column { return column{name, width, false} }

func figuresIn(names ...string) (columns []column) {
	for _, name := range names {
		columns = append(columns, column{name, 5, true})
	}
	return columns
}

// A table prints Markdown, each row as soon as it is known.
type table struct {
	w       io.Writer
	columns []column
}

// newTable prints the head of a table.
func newTable(w io.Writer, columns ...column) *table {
	t := &table{w, columns}
	var names, rules []string
	for i, c := range columns {
		c.width = max(c.width, utf8.RuneCountInString(c.name), 3)
		columns[i] = c
		rule := strings.Repeat("-", c.width)
		if c.figures {
			rule = rule[1:] + ":"
		}
		names, rules = append(names, c.name), append(rules, rule)
	}
	t.row(names...)
	t.row(rules...)
	return t
}

func (t *table) row(cells ...string) {
	var line strings.Builder
	for i, cell := range cells {
		width := -t.columns[i].width
		if t.columns[i].figures {
			width = -width
		}
		fmt.Fprintf(&line, "| %*s ", width, strings.ReplaceAll(cell, "|", "\\|"))
	}
	fmt.Fprintf(t.w, "%s|\n", &line)
}

// figure prints a number with the digits that say something, and nothing for NaN.
func figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
