package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// applied is the result of writing a change set.
type applied struct {
	Created  int      `json:"created"`
	Modified int      `json:"modified"`
	Deleted  int      `json:"deleted"`
	Failed   []failed `json:"failed,omitempty" doc:"the changes that could not be made, with the reason"`
}

type failed struct {
	Kind  workflows.ChangeKind `json:"kind"`
	ID    string               `json:"id"`
	Error string               `json:"error"`
}

// apply writes a change set, some changes at once. A change that the service turns down does not
// keep the others from being made; one that it does not answer does.
func apply(ctx context.Context, c *adapters.Call, in wanting, changes adapters.Changes) (applied, error) {
	s := adapters.Client[*service](c)
	wanted, _, err := in.check()
	if err != nil {
		return applied{}, err
	}
	writing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	var out applied
	done := 0
	var workers sync.WaitGroup
	next := make(chan adapters.Change)
	for range min(s.Parallel, len(changes.List)) {
		workers.Go(func() {
			for change := range next {
				err := s.write(writing, c, in, change, attribute(wanted[in.keyOf(value.Object(in.key(), value.String(change.ID)))], attrPassword))
				if err != nil && writing.Err() != nil {
					continue // it was cut short, by the end of the call or by the error of another
				}
				mu.Lock()
				out.count(change, err)
				done++
				c.Progress(float64(done)*100/float64(len(changes.List)), fmt.Sprintf("%d of %d changes made", done, len(changes.List)))
				mu.Unlock()
				if err != nil && !turnedDown(err) {
					stop(err)
				}
			}
		})
	}
feeding:
	for _, change := range changes.List {
		select {
		case next <- change:
		case <-writing.Done():
			break feeding
		}
	}
	close(next)
	workers.Wait()
	switch cause := context.Cause(writing); {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case cause != nil:
		return out, out.brokenOff(cause, len(changes.List))
	case out.Failed != nil:
		f := out.Failed[0]
		return out, &adapters.Error{
			Class: adapters.ClassHTTP, State: workflows.Failure, Retryable: new(true),
			Text: fmt.Sprintf("%d of %d changes were turned down, the first to %s %q: %s", len(out.Failed), len(changes.List), f.Kind, f.ID, f.Error),
		}
	}
	return out, nil
}

// turnedDown tells whether an error is about one change only, so that the next may be made.
func turnedDown(err error) bool {
	status := statusOf(err)
	return status >= 400 && status < 500 && status != http.StatusUnauthorized && status != http.StatusTooManyRequests
}

func (a *applied) count(change adapters.Change, err error) {
	switch {
	case err != nil:
		a.Failed = append(a.Failed, failed{change.Kind, change.ID, err.Error()})
	case change.Kind == workflows.Create:
		a.Created++
	case change.Kind == workflows.Modify:
		a.Modified++
	default:
		a.Deleted++
	}
}

// brokenOff is the error of a change set that was not written to its end. Another try finds what
// is in place already.
func (a *applied) brokenOff(cause error, of int) error {
	e := &adapters.Error{Class: adapters.ClassNetwork, Text: cause.Error(), Retryable: new(true)}
	if known, ok := errors.AsType[*adapters.Error](cause); ok {
		e.Class, e.Retryable = known.Class, known.Retryable
	}
	made := a.Created + a.Modified + a.Deleted
	e.Text = fmt.Sprintf("broken off after %d of %d changes: %s", made, of, e.Text)
	e.Details = value.Object("applied", value.Of(a))
	return e
}

// write makes one change. One that is in place already counts as made.
func (s *service) write(ctx context.Context, c *adapters.Call, in wanting, change adapters.Change, password value.Value) error {
	id := change.Before.Get("id").Text()
	path := in.Resource + "/" + url.PathEscape(id)
	if change.Kind != workflows.Create && id == "" {
		return network.Wrong("the change of %q does not say which resource it is about", change.ID)
	}
	switch change.Kind {
	case workflows.Create:
		v := change.After
		if !password.IsNothing() {
			v = v.With(attrPassword, password)
		}
		_, err := s.call(ctx, c, http.MethodPost, in.Resource, nil, withSchemas(in.Resource, v), "")
		if statusOf(err) == http.StatusConflict && s.exists(ctx, c, in, change) {
			return nil
		}
		return err
	case workflows.Delete:
		_, err := s.call(ctx, c, http.MethodDelete, path, nil, value.Absent, change.Before.Path("meta", "version").Text())
		if statusOf(err) == http.StatusNotFound {
			return nil
		}
		return err
	}
	err := s.modify(ctx, c, in, change, path)
	if status := statusOf(err); status >= 400 && status < 500 {
		if now, looked := s.call(ctx, c, http.MethodGet, path, nil, value.Absent, ""); looked == nil && holds(now, change.After) {
			return nil
		}
	}
	return err
}

// exists tells whether a resource that was to be created is there as it is wanted.
func (s *service) exists(ctx context.Context, c *adapters.Call, in wanting, change adapters.Change) bool {
	filter, err := chosen("", []condition{{Attribute: in.key(), Value: value.String(change.ID)}})
	if err != nil {
		return false
	}
	found, err := s.list(ctx, c, in.Resource, filter, nil, 2)
	return err == nil && len(found.Resources) == 1 && holds(found.Resources[0], change.After)
}

// modify brings a resource to what is wanted.
func (s *service) modify(ctx context.Context, c *adapters.Call, in wanting, change adapters.Change, path string) error {
	version := change.Before.Path("meta", "version").Text()
	if !s.NoPatch {
		_, err := s.call(ctx, c, http.MethodPatch, path, nil, patchBody(operations(change)), version)
		return err
	}
	now, err := s.call(ctx, c, http.MethodGet, path, nil, value.Absent, "")
	if err != nil {
		return err
	}
	if at := now.Path("meta", "version").Text(); version != "" && at != version {
		return &adapters.Error{
			Class: adapters.ClassHTTP, Text: fmt.Sprintf("it has changed since the plan was made: its version is %s, not %s", at, version), Retryable: new(true),
			Details: value.Object("statusCode", value.Int(http.StatusPreconditionFailed)),
		}
	}
	for name, w := range change.After.Members() {
		if w.IsNothing() {
			now = now.Without(name)
		} else {
			now = now.With(name, w)
		}
	}
	_, err = s.call(ctx, c, http.MethodPut, path, nil, withSchemas(in.Resource, now.Without("meta")), version)
	return err
}

// operations are the operations of a PATCH that make a change. Members come and go one by one,
// since groups are large; attributes of extensions are named in the value, as their names are no paths.
func operations(change adapters.Change) []patchOperation {
	var out []patchOperation
	for name, w := range change.After.Members() {
		have := change.Before.Get(name)
		switch {
		case name == attrMembers && onlyValues(w) && have.IsArray():
			out = append(out, memberOperations(have, w)...)
		case empty(w) && !w.IsBool() && !w.IsNumber():
			out = append(out, patchOperation{Op: "remove", Path: name})
		case strings.HasPrefix(name, "urn:"):
			out = append(out, patchOperation{Op: "replace", Value: value.Object(name, w)})
		default:
			out = append(out, patchOperation{Op: "replace", Path: name, Value: w})
		}
	}
	return out
}

func memberOperations(have, wanted value.Value) []patchOperation {
	ids := func(list value.Value) []string {
		var out []string
		for _, m := range list.Elements() {
			out = append(out, m.Get("value").Text())
		}
		slices.Sort(out)
		return out
	}
	old, now := ids(have), ids(wanted)
	var out []patchOperation
	var added []value.Value
	for _, id := range now {
		if _, there := slices.BinarySearch(old, id); !there {
			added = append(added, value.Object("value", value.String(id)))
		}
	}
	if added != nil {
		out = append(out, patchOperation{Op: "add", Path: attrMembers, Value: value.Array(added...)})
	}
	for _, id := range old {
		if _, stays := slices.BinarySearch(now, id); !stays {
			out = append(out, patchOperation{Op: "remove", Path: attrMembers + "[value eq " + value.String(id).String() + "]"})
		}
	}
	return out
}
