// Package archtest holds the plan of the house against the code: which package
// may import which. docs/architecture.md explains the table.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/heliograph/heliograph"

// levels lists the rooms from the bottom to the top. A package may import only
// from strictly lower levels, and from its own room. A room is a folder with
// everything under it; the longest match counts.
var levels = []struct {
	level int
	rooms []string
}{
	{0, []string{"fasttext", "dataset", "internal/errs"}},
	{1, []string{"internal/blob", "internal/keyring", "internal/store", "internal/telemetry", "internal/audit", "internal/iam/policy"}},
	{2, []string{"internal/iam", "internal/backup", "internal/tags", "internal/jobs", "internal/search"}},
	{3, []string{"internal/training", "internal/transform", "internal/serving", "internal/function", "internal/triage", "internal/monitor", "internal/route"}},
	{4, []string{"internal/awsapi", "internal/gateway", "internal/rest", "web"}},
	{5, []string{"internal/app", "internal/fasttextcmd"}},
	{6, []string{"cmd/heliograph"}},
	{7, []string{"bench", "test", "examples", "internal/archtest"}},
}

// siblings are the rooms whose subfolders are rooms of their own: one package
// per AWS service, none of which knows another. All may import the named ones.
var siblings = map[string][]string{
	"internal/awsapi": {"internal/awsapi/wire"},
}

// pure rooms import nothing but the standard library.
var pure = []string{"fasttext"}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Standard     bool
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Standard", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// room returns the room and level of a package of this module.
func room(importPath string) (name string, level int, ok bool) {
	rel := strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
	for _, l := range levels {
		for _, r := range l.rooms {
			if rel != r && !strings.HasPrefix(rel, r+"/") {
				continue
			}
			if _, split := siblings[r]; split && rel != r {
				return path.Join(r, strings.SplitN(strings.TrimPrefix(rel, r+"/"), "/", 2)[0]), l.level, true
			}
			return r, l.level, true
		}
	}
	return "", 0, false
}

func TestImportsGoDownwards(t *testing.T) {
	t.Parallel()
	packages := list(t)
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages; the test is not looking at the module", len(packages))
	}
	for _, p := range packages {
		from, fromLevel, ok := room(p.ImportPath)
		if !ok {
			t.Errorf("%s is in no room of the plan: give it one here and in docs/architecture.md", p.ImportPath)
			continue
		}
		for _, to := range p.Imports {
			if fault := judge(from, fromLevel, to); fault != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, to, fault)
			}
		}
	}
}

// TestTestsGoDownwards lets tests import any lower level and, since a test may
// need a real neighbour, their own level too; never a higher one.
func TestTestsGoDownwards(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		_, fromLevel, ok := room(p.ImportPath)
		if !ok {
			continue // the other test reports it
		}
		for _, to := range append(p.TestImports, p.XTestImports...) {
			if _, level, ok := room(to); ok && strings.HasPrefix(to, module) && level > fromLevel {
				t.Errorf("a test of %s imports %s, which is %d levels higher", p.ImportPath, to, level-fromLevel)
			}
		}
	}
}

func judge(from string, fromLevel int, to string) string {
	if !strings.HasPrefix(to, module) {
		for _, r := range pure {
			if from == r && strings.Contains(strings.SplitN(to, "/", 2)[0], ".") {
				return "this room imports the standard library only"
			}
		}
		return ""
	}
	target, level, ok := room(to)
	switch {
	case !ok:
		return "that package is in no room of the plan"
	case target == from || level < fromLevel:
		return ""
	case level == fromLevel:
		for parent, shared := range siblings {
			if strings.HasPrefix(from, parent+"/") {
				for _, s := range shared {
					if target == s {
						return ""
					}
				}
			}
		}
		return "siblings don't import each other; declare an interface and let internal/app fill it in"
	default:
		return "imports go downwards only"
	}
}
