package app

import (
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// Actions lists every action that a server asks for, with the ARNs it may be
// asked on, as far as the declaration of its operations tells.
func Actions() (all []policy.Action) {
	operations := Operations()
	types := map[string]bool{} // what can be created in SageMaker, as ARNs call it
	for _, op := range operations {
		if noun, ok := strings.CutPrefix(op.Operation, "Create"); ok && op.Service == "sagemaker" {
			types[kebab(noun)] = true
		}
	}
	at := map[string]int{}
	add := func(name string, resources []string) {
		if i, ok := at[name]; !ok {
			at[name] = len(all)
			all = append(all, policy.Action{Name: name, Resources: resources})
		} else if a := &all[i]; resources == nil || a.Resources == nil {
			a.Resources = nil
		} else {
			for _, r := range resources {
				if !slices.Contains(a.Resources, r) {
					a.Resources = append(a.Resources, r)
				}
			}
		}
	}
	for _, op := range operations {
		var resources []string
		service, verb, _ := strings.Cut(op.Action, ":")
		switch service {
		case "":
			continue
		case "s3":
			resources = []string{"arn:aws:s3:::{}"}
			if strings.Contains(op.Path, "{key") || op.Each {
				resources[0] += "/*"
			}
		case "sagemaker":
			resources = sageMakerResources(verb, types)
		case "lambda":
			resources = []string{"arn:aws:lambda:*:*:function:{}"}
			if strings.HasPrefix(verb, "List") {
				resources = []string{"*"}
			}
		case "iam", "logs", "execute-api", "apigateway":
			resources = []string{"arn:aws:" + service + ":*:*:*"}
		}
		add(op.Action, resources)
	}
	add("iam:PassRole", []string{"arn:aws:iam:*:*:role/*"}) // asked by whatever takes a role
	for _, op := range operations {                         // on what else a request names
		for _, name := range op.Also {
			if _, known := at[name]; !known {
				add(name, nil)
			}
		}
	}
	return all
}

// sageMakerResources are what an action of SageMaker is asked on: what its name
// says, or nothing in particular for lists.
func sageMakerResources(verb string, types map[string]bool) []string {
	if verb == "Search" {
		return []string{"*"}
	}
	end := strings.IndexFunc(verb[min(1, len(verb)):], func(r rune) bool { return 'A' <= r && r <= 'Z' }) + 1
	best := ""
	noun := kebab(verb[end:])
	for t := range types {
		if strings.HasPrefix(noun, t) && len(t) > len(best) {
			best = t
		}
	}
	switch {
	case best == "":
		return []string{"arn:aws:sagemaker:*:*:*", "*"}
	case strings.HasPrefix(verb, "List") && noun == best+"s":
		return []string{"*"}
	case strings.HasPrefix(verb, "List"):
		return nil
	}
	return []string{"arn:aws:sagemaker:*:*:" + best + "/*"}
}

// kebab writes TrainingJob as training-job.
func kebab(name string) string {
	var b strings.Builder
	for i, c := range []byte(name) {
		if 'A' <= c && c <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}
