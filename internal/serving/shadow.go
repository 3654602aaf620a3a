package serving

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"
)

const (
	maxCopied = 64 << 20 // bytes of copies that wait for shadow variants
	copyCost  = 4 << 10  // bytes that a copy takes beside its body
)

// shadow lets the shadow variants answer a copy of a request too. Their answers
// are captured, if the endpoint captures data, and dropped; their failures are only counted; when the server has no room
// for a copy, that is counted and the copy dropped. The request itself does not wait.
func (s *variantSet) shadow(service *Service, l *live, in InvokeInput, start time.Time) {
	for i, v := range s.shadows {
		if s.copied[i] == 0 || s.copied[i] < 1 && rand.Float64() >= s.copied[i] {
			continue
		}
		cost := int64(len(in.Body) + copyCost)
		if service.copied.Add(cost) > maxCopied {
			service.copied.Add(-cost)
			service.meters.dropped.Inc(l.name, v.name)
			continue
		}
		copied := in
		copied.Body = bytes.Clone(in.Body) // the caller's own is gone when it has its answer
		go func() {
			defer service.copied.Add(-cost)
			service.shadows <- struct{}{} // few at once, so that they take no turn of a request
			defer func() { <-service.shadows }()
			answer, begun, err := service.invoke(context.Background(), l, v, copied, time.Now(), start.Add(service.opt.Timeout))
			v.meter.observe(err, start, begun)
			if err == nil {
				s.capture.take(service.recorder, v.name, copied, copied.ContentType, answer)
			}
		}()
	}
}
