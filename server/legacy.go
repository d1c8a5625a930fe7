package server

import (
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// bareJob is a job without the envelope, as the workflow engine's own routes answer it.
func bareJob(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	return jobDoc(st, &query{}), nil
}

// jobOutput is a job's variables alone.
func jobOutput(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	return st.Job.Variables, nil
}

// startWithOptions starts the workflow named in the path, and answers the bare job.
func startWithOptions(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	options, err := optional(body, "options", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	st, err := c.start(c.tail(2), options)
	if err != nil {
		return value.Absent, err
	}
	return jobDoc(st, &query{}), nil
}

func searchJobs(c *call) (value.Value, error) {
	q, err := c.search(jobList)
	if err != nil {
		return value.Absent, err
	}
	p, err := c.jobs(q)
	if err != nil {
		return value.Absent, err
	}
	return p.withMetadata(), nil
}

func searchWorkflows(c *call) (value.Value, error) {
	q, err := c.search(shape{collection: store.Workflows, sort: []store.Order{{Field: "name"}}})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.workflows(q)
	if err != nil {
		return value.Absent, err
	}
	return p.withMetadata(), nil
}

// withMetadata is the older envelope with the newer one's paging beside it: clients read
// either.
func (p page) withMetadata() value.Value {
	return p.results().With("metadata", p.operations("").Get("metadata"))
}

// search reads {"options": {query, limit, skip, sort, fields, expand}}. The query holds the
// values that fields must have, or comparisons of a closed set.
func (c *call) search(s shape) (query, error) {
	body, err := c.object()
	if err != nil {
		return query{}, err
	}
	return c.searched(s, body)
}

// searched reads the several forms of the older searches: the query beside the options or
// within them, also as "filter"; paging within "page"; and sorting as {field, direction}.
func (c *call) searched(s shape, body value.Value) (query, error) {
	options, err := optional(body, "options", value.KindObject)
	if err != nil {
		return query{}, err
	}
	var params []param
	for _, key := range []string{"query", "filter"} {
		more, err := searchParams("query", body.Get(key))
		if err != nil {
			return query{}, err
		}
		params = append(params, more...)
	}
	for key, v := range options.Members() {
		switch key {
		case "limit", "skip", "sort", "order":
			if field := v.Get("field"); field.IsString() {
				v = value.Object(field.Text(), orElse(v.Get("direction"), value.Int(1)))
			}
			if !v.IsNothing() {
				params = append(params, param{key, v})
			}
		case "page":
			for key, v := range v.Members() {
				params = append(params, param{key, v})
			}
		case "filter":
			key = "query"
			fallthrough
		case "query", "fields", "expand":
			more, err := searchParams(key, v)
			if err != nil {
				return query{}, err
			}
			params = append(params, more...)
		case "local": // whether to ask this server alone; all see the same
		default:
			return query{}, badAt("/options/"+value.EscapePointer(key), "unknown", "\"options\" may hold query, filter, limit, skip, page, sort, fields, expand and local, not %q.", key)
		}
	}
	return c.read(s, params)
}

func orElse(v, otherwise value.Value) value.Value {
	if v.IsNothing() {
		return otherwise
	}
	return v
}

// searchParams turns a search's query and fields into parameters of a list.
func searchParams(key string, v value.Value) ([]param, error) {
	switch key {
	case "query":
		return queryParams(v)
	case "fields":
		return fieldParams(v), nil
	}
	return nil, nil // expand: everything is expanded
}

// fieldParams turns {field: 1} into include and {field: 0} into exclude.
func fieldParams(v value.Value) []param {
	var include, exclude []string
	for field, on := range v.Members() {
		if on.Truth() || on.Float() != 0 {
			include = append(include, field)
		} else {
			exclude = append(exclude, field)
		}
	}
	var out []param
	if len(include) > 0 {
		out = append(out, param{"include", value.Strings(include...)})
	}
	if len(exclude) > 0 {
		out = append(out, param{"exclude", value.Strings(exclude...)})
	}
	return out
}

// searchOperators are the comparisons that older clients write into a query.
var searchOperators = map[string]string{
	"$eq": "equals", "$ne": "not-equals", "$in": "in", "$nin": "not-in", "$lt": "lt", "$lte": "lte", "$gt": "gt", "$gte": "gte", "$exists": "exists",
}

func queryParams(v value.Value) ([]param, error) {
	if v.IsNothing() {
		return nil, nil
	}
	if !v.IsObject() {
		return nil, badAt("/options/query", "type", "\"query\" must be an object, not %s.", v.Kind())
	}
	var out []param
	for field, want := range v.Members() {
		if !want.IsObject() {
			out = append(out, param{"equals[" + field + "]", want})
			continue
		}
		for op, operand := range want.Members() {
			name, ok := searchOperators[op]
			if !ok {
				return nil, badAt("/options/query/"+value.EscapePointer(field), "operator", "%q is not an operator; there are %s.",
					op, strings.Join(sortedKeys(searchOperators), ", "))
			}
			out = append(out, param{name + "[" + field + "]", operand})
		}
	}
	return out, nil
}
