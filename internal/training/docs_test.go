package training

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write generated parts of the documentation")

// The table of hyperparameters in the documentation is made of the declarations.
func TestHyperparameterTable(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../../docs/blazingtext.md", "go test ./internal/training -update -->\n", "<!-- end -->"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	want := parameterTable()
	if table == want {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not that of the declarations; run go test ./internal/training -update\n%s", file, want)
	}
	if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parameterTable() string {
	var b strings.Builder
	b.WriteString("| name | type | default | range | meaning |\n|---|---|---|---|---|\n")
	for _, p := range supervisedParameters {
		if p.ignored {
			continue
		}
		name, def, values := "`"+p.name+"`", p.def, ""
		if p.ours {
			name += " *"
		}
		if def == "" {
			def = "–"
		} else {
			def = "`" + def + "`"
		}
		var rules []string
		for _, r := range p.valid {
			rules = append(rules, r.words)
		}
		if p.kind == enum {
			values = " `" + strings.Join(p.values, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s%s | %s | %s | %s |\n", name, p.kind, values, def, strings.Join(rules, ", "), p.remark)
	}
	return b.String()
}
