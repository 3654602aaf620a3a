package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestCheckFindings(t *testing.T) {
	t.Parallel()
	good := ""
	for i := range 12 {
		good += fmt.Sprintf("__label__a text %d\n__label__b word %d\n", i, i)
	}
	long := "__label__a" + strings.Repeat(" w", 30) + "\n"
	for _, test := range []struct {
		name, train, validation string
		opt                     CheckOptions
		want                    []string // severity code part count lines
	}{
		{"good", good, "", CheckOptions{}, nil},
		{"good with validation", good, "__label__a other\n__label__b another\n", CheckOptions{}, nil},
		{"no rows", "label,text\n", "", CheckOptions{}, []string{"error no-rows train 1 []"}},
		{"no labels", "one\ntwo\n", "", CheckOptions{}, []string{"error no-labels train 2 []"}},
		{"one label", "__label__a x\n__label__a y\n", "", CheckOptions{MinPerLabel: 1}, []string{"error one-label train 1 []"}},
		{"malformed", "label,text\na,x,y\nb,z\n" + strings.Repeat("a,k\nb,l\n", 10), "", CheckOptions{MinPerLabel: 1},
			[]string{"error malformed train 1 [2]", "note duplicate train 18 [6 7 8 9 10]"}},
		{"unlabelled and empty", good + "plain\n__label__a\n\n", "", CheckOptions{},
			[]string{"warning unlabelled train 2 [25 27]", "warning empty train 2 [26 27]"}},
		{"duplicate", good + "__label__a  TEXT 3\n", "", CheckOptions{}, []string{"note duplicate train 1 [25]"}},
		{"conflict", good + "__label__b text, 3\n__label__b text 3\n", "", CheckOptions{}, []string{"warning conflict train 1 [26]"}},
		{"label order is no conflict", good + "__label__a __label__b z\n__label__b __label__a z\n", "", CheckOptions{}, []string{"note duplicate train 1 [26]"}},
		{"few rows", good + "__label__c x\n", "", CheckOptions{MaxImbalance: 12}, []string{"warning few-rows train 1 []"}},
		{"imbalance", good + "__label__c x\n", "", CheckOptions{MinPerLabel: 1, MaxImbalance: 11}, []string{"warning imbalance train 1 []"}},
		{"invalid", good + "__label__a caf\xe9\n", "", CheckOptions{}, []string{"warning invalid-utf8 train 1 [25]"}},
		{"long", good + long, "", CheckOptions{MaxWords: 29}, []string{"note long train 1 [25]"}},
		{"not long", good + long, "", CheckOptions{MaxWords: 30}, nil},
		{"similar labels", good + "__label__A z\n", "", CheckOptions{MinPerLabel: 1}, []string{"warning similar-labels train 2 []"}},
		{"space in label", "label,text\n\"a a\",x\nb,y\n", "", CheckOptions{MinPerLabel: 1}, []string{"note space-in-label train 1 [2]"}},
		{"leak", good, "__label__a Text 3\n__label__b word 99\n__label__a text 4!\n", CheckOptions{}, []string{"warning leak validation 1 [1]"}},
		{"labels of validation", good, "__label__c x\n__label__a y\n", CheckOptions{},
			[]string{"warning unknown-label validation 1 []", "note missing-label validation 1 []"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report := mustCheck(t, test.train, test.validation, test.opt)
			var got []string
			for _, f := range report.Findings {
				got = append(got, fmt.Sprintf("%s %s %s %d %v", f.Severity, f.Code, f.Part, f.Count, f.Lines))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("findings\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func mustCheck(t *testing.T, train, validation string, opt CheckOptions) *Report {
	t.Helper()
	r, err := NewReader(strings.NewReader(train), "train.txt", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var held Source
	if validation != "" {
		if held, err = NewReader(strings.NewReader(validation), "validation.txt", ReadOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	report, err := Check(r, held, opt)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestReportForPeopleAndMachines(t *testing.T) {
	t.Parallel()
	report := mustCheck(t, "label,text\nCard Lost,My card is lost!\ncard lost,Where is it?\nrefund,\"Money, back\"\nrefund,money , back\ncard lost,Money, back\nhigh,x\n,\n\"\x1b[31m\",red\n",
		"__label__refund MONEY, back\n__label__other x\n", CheckOptions{})
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", text.Bytes())
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(data, '\n'))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestCheckStopsAtABrokenStream(t *testing.T) {
	t.Parallel()
	gz := zipped(t, strings.Repeat("__label__a x\n", 1000))
	r, err := NewReader(strings.NewReader(gz[:len(gz)-9]), "cut.gz", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(r, nil, CheckOptions{}); !errors.Is(err, ErrTruncated) {
		t.Errorf("error %v", err)
	}
}
