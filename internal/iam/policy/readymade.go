package policy

import (
	"embed"
	"path"
	"strings"
)

// Managed is a policy that comes with the product, for a usual kind of work.
type Managed struct {
	Name        string // HeliographNotebookUser; its ARN is arn:aws:iam::aws:policy/ and this
	Description string
	Document    string // JSON
}

//go:embed readymade/*.json
var readyMadeFiles embed.FS

// descriptions are what each of them is for.
var descriptions = map[string]string{
	"HeliographAuditor":      "Sees everything that is configured and the audit trail, reads no data and changes nothing",
	"HeliographDeployer":     "Creates models, endpoints and routes from what was trained, and takes them down",
	"HeliographInvokeOnly":   "For applications: asks endpoints, nothing else",
	"HeliographNotebookUser": "For people at notebooks: trains, tunes and transforms with data in buckets named sagemaker-*, and tries endpoints",
	"HeliographTrainingRole": "For the role of jobs: reads and writes buckets named sagemaker-*",
}

// ReadyMade returns the policies that come with the product, in the order of
// their names.
func ReadyMade() (all []Managed) {
	entries, err := readyMadeFiles.ReadDir("readymade")
	if err != nil {
		panic(err) // they are in the program
	}
	for _, e := range entries {
		src, err := readyMadeFiles.ReadFile(path.Join("readymade", e.Name()))
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(e.Name(), ".json")
		all = append(all, Managed{Name: name, Description: descriptions[name], Document: string(src)})
	}
	return all
}
