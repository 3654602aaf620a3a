//go:build e2e

package test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ontology are the classes of the DBpedia ontology set, each with words that
// texts about it are likely to have.
var ontology = map[string]string{
	"Company":                "company founded headquarters products manufacturer employees market brand engines sells",
	"EducationalInstitution": "school university students campus college education faculty secondary girls teachers",
	"Artist":                 "singer painter songwriter album musician actress novelist born dancer greatest",
	"Athlete":                "footballer plays league player olympics defender team championships coach swimmer",
	"OfficeHolder":           "senator minister politician elected representative mayor parliament governor party district",
	"MeanOfTransportation":   "locomotive ship aircraft launched submarine frigate vessel engine built class",
	"Building":               "church house building listed historic tower castle museum hotel architect",
	"NaturalPlace":           "river lake mountain tributary glacier valley peak flows bay elevation",
	"Village":                "village rural population census municipality county families province inhabitants hamlet",
	"Animal":                 "species moth beetle family genus snail found frog insects endemic",
	"Plant":                  "plant flowering shrub leaves tree orchid perennial herb tropical native",
	"Album":                  "album released band studio records tracks label debut recorded rock",
	"Film":                   "film directed starring comedy drama screenplay thriller documentary cast producer",
	"WrittenWork":            "novel journal published magazine newspaper book author stories peer-reviewed weekly",
}

// writeOntology writes a made-up set in the notebook's form: rows texts of
// the 14 classes, whose words are mostly of their class and partly of none.
func writeOntology(t *testing.T, path string, rows int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 14))
	classes := make([]string, 0, len(ontology))
	for class := range ontology {
		classes = append(classes, class)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range rows {
		class := classes[i%len(classes)]
		words := strings.Fields(ontology[class])
		text := make([]string, 12+rng.IntN(20))
		for j := range text {
			if text[j] = words[rng.IntN(len(words))]; rng.IntN(2) == 0 {
				text[j] = fmt.Sprintf("word%d", rng.IntN(2000))
			}
		}
		fmt.Fprintf(w, "__label__%s %s .\n", class, strings.Join(text, " "))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// ontologyFiles writes a training and a validation file and returns their paths.
func ontologyFiles(t *testing.T) (train, validation string) {
	t.Helper()
	dir := t.TempDir()
	train, validation = filepath.Join(dir, "dbpedia.train"), filepath.Join(dir, "dbpedia.validation")
	writeOntology(t, train, 7000, 1)
	writeOntology(t, validation, 700, 2)
	return train, validation
}
