//go:build race

package fasttext

import "sync"

// gate lets one worker at a time at the matrices; see the form without the race detector.
type gate struct{ mu sync.Mutex }

func (g *gate) enter() { g.mu.Lock() }
func (g *gate) leave() { g.mu.Unlock() }
