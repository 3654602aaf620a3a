package serving

import (
	"context"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// deployment is what an endpoint serves. It repeats what it needs of config and
// models, which may be deleted while the endpoint goes on.
type deployment struct {
	EndpointConfigName string
	Variants           []deployedVariant
	Shadows            []deployedVariant     `json:",omitempty"`
	Capture            *DataCaptureConfig    `json:",omitempty"`
	Async              *AsyncInferenceConfig `json:",omitempty"`
	Role               string                `json:",omitempty"` // what objects are read and written as
}

type deployedVariant struct {
	ProductionVariant
	Image    string
	Role     string `json:",omitempty"` // of the model
	Artifact artifact
	Deployed time.Time `json:",omitzero"`
}

// resolve looks up what the variants of a config serve.
func (s *Service) resolve(ctx context.Context, config string) (d deployment, err error) {
	r, err := s.configs.Get(ctx, config)
	if err != nil {
		return d, s.missing(err, "endpoint-config", "endpoint configuration", config)
	}
	d.EndpointConfigName, d.Capture, d.Async, d.Role = r.Name, r.Doc.DataCaptureConfig, r.Doc.AsyncInferenceConfig, r.Doc.ExecutionRoleArn
	if d.Variants, err = s.resolveVariants(ctx, r.Doc.ProductionVariants); err != nil {
		return d, err
	}
	if d.Role == "" {
		d.Role = s.role(d.Variants[0].Role)
	}
	d.Shadows, err = s.resolveVariants(ctx, r.Doc.ShadowProductionVariants)
	return d, err
}

func (s *Service) resolveVariants(ctx context.Context, from []ProductionVariant) ([]deployedVariant, error) {
	var variants []deployedVariant
	for _, v := range from {
		m, err := s.models.Get(ctx, v.ModelName)
		if err != nil {
			return nil, s.missing(err, "model", "model", v.ModelName)
		}
		container := m.Doc.container()
		variants = append(variants, deployedVariant{ProductionVariant: v, Image: container.Image, Role: m.Doc.ExecutionRoleArn, Artifact: artifact{location: container.location()}})
	}
	return variants, nil
}

// all returns every variant, shadows included.
func (d *deployment) all() []*deployedVariant {
	var all []*deployedVariant
	for i := range d.Variants {
		all = append(all, &d.Variants[i])
	}
	for i := range d.Shadows {
		all = append(all, &d.Shadows[i])
	}
	return all
}

// clone returns a deployment whose variants can be changed.
func (d deployment) clone() deployment {
	d.Variants = append([]deployedVariant(nil), d.Variants...)
	d.Shadows = append([]deployedVariant(nil), d.Shadows...)
	return d
}

// find returns the variant of that name, nil if there is none.
func (d *deployment) find(name string) *deployedVariant {
	for _, v := range d.all() {
		if strings.EqualFold(v.VariantName, name) {
			return v
		}
	}
	return nil
}

// retain gives the variants of next what those of the same name in d have now, but
// for the properties that are excluded.
func (d *deployment) retain(next *deployment, excluded map[string]bool) {
	if !excluded["DataCaptureConfig"] {
		next.Capture = d.Capture
	}
	for _, v := range next.all() {
		now := d.find(v.VariantName)
		if now == nil {
			continue
		}
		if !excluded["DesiredWeight"] {
			v.InitialVariantWeight = now.InitialVariantWeight
		}
		if !excluded["DesiredInstanceCount"] && now.InitialInstanceCount != nil && v.ServerlessConfig == nil {
			v.InitialInstanceCount = now.InitialInstanceCount
		}
	}
}

// asyncLimit is how many asynchronous requests may be answered at once.
func (d *deployment) asyncLimit() int {
	each := 4
	if d.Async != nil && d.Async.ClientConfig != nil && d.Async.ClientConfig.MaxConcurrentInvocationsPerInstance != nil {
		each = *d.Async.ClientConfig.MaxConcurrentInvocationsPerInstance
	}
	return each * max(d.instances(), 1)
}

// instances is how many instances the production variants ask for.
func (d *deployment) instances() (n int) {
	for _, v := range d.Variants {
		if v.InitialInstanceCount != nil {
			n += *v.InitialInstanceCount
		}
	}
	return n
}

// checkTraffic refuses weights under which no variant would answer.
func (d *deployment) checkTraffic() error {
	total := 0.0
	for i := range d.Variants {
		total += d.Variants[i].Weight()
	}
	if total == 0 {
		return errs.Invalidf("The weight of every production variant would be 0, so that none would get traffic; give at least one a weight.")
	}
	return nil
}
