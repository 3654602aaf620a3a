package monitor

import (
	"maps"
	"math"
	"slices"
)

// plan is parsed expressions, and an order in which each query comes after those
// that it uses.
type plan struct {
	expressions []*node // by query; nil for metrics
	order       []int
}

// node is a part of an expression.
type node struct {
	op     byte // one of + - * / ^, n a number, i an identifier, f a function, [ a list
	number float64
	name   string
	parts  []*node
}

// result is what an expression comes to: a number, a row or a list of rows.
type result struct {
	scalar float64
	rows   []row // nil for a number
	list   bool
}

// functions are known by their names and how many arguments they take.
var functions = map[string]int{"ABS": 1, "CEIL": 1, "FLOOR": 1, "SUM": 1, "AVG": 1, "MIN": 1, "MAX": 1, "FILL": 2, "METRICS": 0, "PERIOD": 1}

// parseQueries parses the expressions and orders the queries.
func parseQueries(queries []DataQuery) (*plan, error) {
	p := &plan{expressions: make([]*node, len(queries))}
	index := map[string]int{}
	for i, q := range queries {
		index[q.ID] = i
		if q.Expression == "" {
			p.order = append(p.order, i)
		}
	}
	uses := make([][]int, len(queries))
	for i, q := range queries {
		if q.Expression == "" {
			continue
		}
		x := mathParser{text: q.Expression}
		n, err := x.parse()
		if err != nil {
			return nil, refuse(codeValidation, "Error in expression '%s' of %s: %s", clip(q.Expression), q.ID, err)
		}
		p.expressions[i] = n
		var missing string
		n.each(func(n *node) {
			if j, ok := index[n.name]; n.op == 'i' && ok {
				uses[i] = append(uses[i], j)
			} else if n.op == 'i' {
				missing = n.name
			}
		})
		if missing != "" {
			return nil, refuse(codeValidation, "Error in expression '%s' of %s: Invalid reference to %s: no query has that Id.", clip(q.Expression), q.ID, clip(missing))
		}
	}
	const begun, done = 1, 2
	state := make([]int, len(queries))
	var visit func(i int) bool
	visit = func(i int) bool {
		switch {
		case p.expressions[i] == nil || state[i] == done:
			return true
		case state[i] == begun:
			return false
		}
		state[i] = begun
		for _, j := range uses[i] {
			if !visit(j) {
				return false
			}
		}
		state[i] = done
		p.order = append(p.order, i)
		return true
	}
	for i, q := range queries {
		if !visit(i) {
			return nil, refuse(codeValidation, "Error in expression '%s' of %s: it uses itself.", clip(q.Expression), q.ID)
		}
	}
	return p, nil
}

func (n *node) each(tell func(*node)) {
	tell(n)
	for _, part := range n.parts {
		part.each(tell)
	}
}

// evaluate returns the row that an expression comes to; those that it uses are in rows.
func (p *plan) evaluate(i int, queries []DataQuery, rows []row) (row, error) {
	r, err := p.value(p.expressions[i], queries, rows)
	switch {
	case err != nil:
	case r.rows == nil:
		// A number has a value wherever the metrics have one.
		r.rows = []row{{}}
		for j := range queries {
			if queries[j].MetricStat != nil {
				for at := range rows[j] {
					r.rows[0][at] = r.scalar
				}
			}
		}
	case r.list:
		err = refuse("", "it comes to a list of rows, not to one")
	}
	if err != nil {
		return nil, refuse(codeValidation, "Error in expression '%s' of %s: %s.", clip(queries[i].Expression), queries[i].ID, err)
	}
	finite := row{}
	for at, v := range r.rows[0] {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			finite[at] = v
		}
	}
	return finite, nil
}

func (p *plan) value(n *node, queries []DataQuery, rows []row) (result, error) {
	switch n.op {
	case 'n':
		return result{scalar: n.number}, nil
	case 'i':
		i := slices.IndexFunc(queries, func(q DataQuery) bool { return q.ID == n.name })
		return result{rows: []row{rows[i]}}, nil
	case '[', 'f':
		parts := make([]result, len(n.parts))
		for i, part := range n.parts {
			var err error
			if parts[i], err = p.value(part, queries, rows); err != nil {
				return result{}, err
			}
		}
		if n.op == 'f' {
			return p.call(n, parts, queries, rows)
		}
		all := result{rows: []row{}, list: true}
		for _, part := range parts {
			if part.rows == nil {
				return result{}, refuse("", "a list has rows only, not numbers")
			}
			all.rows = append(all.rows, part.rows...)
		}
		return all, nil
	}
	a, err := p.value(n.parts[0], queries, rows)
	if err != nil {
		return a, err
	}
	b, err := p.value(n.parts[1], queries, rows)
	if err != nil {
		return b, err
	}
	if a.list || b.list {
		return a, refuse("", "the operator %c works on rows and numbers, not on lists", n.op)
	}
	switch {
	case a.rows == nil && b.rows == nil:
		return result{scalar: operate(n.op, a.scalar, b.scalar)}, nil
	case a.rows == nil:
		return each(b.rows[0], func(v float64) float64 { return operate(n.op, a.scalar, v) }), nil
	case b.rows == nil:
		return each(a.rows[0], func(v float64) float64 { return operate(n.op, v, b.scalar) }), nil
	}
	both := row{}
	for at, v := range a.rows[0] {
		if w, ok := b.rows[0][at]; ok {
			both[at] = operate(n.op, v, w)
		}
	}
	return result{rows: []row{both}}, nil
}

func operate(op byte, a, b float64) float64 {
	switch op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	case '/':
		return a / b
	default:
		return math.Pow(a, b)
	}
}

func each(r row, fn func(float64) float64) result {
	out := make(row, len(r))
	for at, v := range r {
		out[at] = fn(v)
	}
	return result{rows: []row{out}}
}

// call applies a function.
func (p *plan) call(n *node, args []result, queries []DataQuery, rows []row) (result, error) {
	switch n.name {
	case "METRICS":
		all := result{rows: []row{}, list: true}
		for i, q := range queries {
			if q.MetricStat != nil {
				all.rows = append(all.rows, rows[i])
			}
		}
		return all, nil
	case "PERIOD":
		if part := n.parts[0]; part.op == 'i' {
			for _, q := range queries {
				if q.ID == part.name && q.MetricStat != nil {
					return result{scalar: float64(q.MetricStat.Period)}, nil
				}
			}
		}
		return result{}, refuse("", "PERIOD takes the Id of a metric")
	}
	a := args[0]
	if a.rows == nil {
		return result{}, refuse("", "%s takes rows, not a number", n.name)
	}
	switch n.name {
	case "ABS", "CEIL", "FLOOR":
		if a.list {
			return result{}, refuse("", "%s takes one row", n.name)
		}
		return each(a.rows[0], map[string]func(float64) float64{"ABS": math.Abs, "CEIL": math.Ceil, "FLOOR": math.Floor}[n.name]), nil
	case "FILL":
		if a.list || args[1].rows != nil {
			return result{}, refuse("", "FILL takes a row and a number")
		}
		filled := maps.Clone(a.rows[0])
		for _, other := range rows { // wherever another row has a value
			for at := range other {
				if _, ok := filled[at]; !ok {
					filled[at] = args[1].scalar
				}
			}
		}
		return result{rows: []row{filled}}, nil
	}
	if !a.list { // over time
		return result{scalar: fold(n.name, slices.Collect(maps.Values(a.rows[0])))}, nil
	}
	at := map[int64][]float64{}
	for _, r := range a.rows {
		for t, v := range r {
			at[t] = append(at[t], v)
		}
	}
	across := row{}
	for t, values := range at {
		across[t] = fold(n.name, values)
	}
	return result{rows: []row{across}}, nil
}

func fold(name string, values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	switch name {
	case "MIN":
		return slices.Min(values)
	case "MAX":
		return slices.Max(values)
	}
	slices.Sort(values) // the same sum, whatever the order
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	if name == "AVG" {
		return sum / float64(len(values))
	}
	return sum
}
