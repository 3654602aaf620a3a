package training

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write generated parts of the documentation")

// The tables of hyperparameters in the documentation are made of the declarations.
func TestHyperparameterTables(t *testing.T) {
	t.Parallel()
	const file, end = "../../docs/blazingtext.md", "<!-- end -->"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	made := string(page)
	for _, c := range []struct {
		name string
		all  []hyperparameter
	}{{"supervised", supervisedParameters}, {"vectors", vectorParameters}} {
		begin := "<!-- hyperparameters " + c.name + ": made from the declarations in internal/training; go test ./internal/training -update -->\n"
		head, rest, ok := strings.Cut(made, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the table of %s", file, c.name)
		}
		made = head + begin + parameterTable(c.all) + end + tail
	}
	if made == string(page) {
		return
	}
	if !*update {
		t.Fatalf("the tables in %s are not those of the declarations; run go test ./internal/training -update", file)
	}
	if err := os.WriteFile(file, []byte(made), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parameterTable(all []hyperparameter) string {
	var b strings.Builder
	b.WriteString("| name | type | default | range | meaning |\n|---|---|---|---|---|\n")
	for _, p := range all {
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
