package server

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// GetJobs does the task OperationsManager.getJobs: the list of jobs that the task's actor
// would get for incoming.queryParameters.
func (s *Server) GetJobs(ctx context.Context, o adapters.Order) adapters.Result {
	return s.listed(ctx, o, "jobs", auth.ReadJobs, listJobs)
}

// GetTasks does the task OperationsManager.getTasks, as [Server.GetJobs] does for jobs.
func (s *Server) GetTasks(ctx context.Context, o adapters.Order) adapters.Result {
	return s.listed(ctx, o, "tasks", auth.ReadJobs, listTasks)
}

func (s *Server) listed(ctx context.Context, o adapters.Order, output string, may auth.Permission, list func(*call) (value.Value, error)) adapters.Result {
	who, err := s.Auth.Named(ctx, o.Actor)
	if err != nil {
		return adapters.Fail(engine.ClassReference, fmt.Sprintf("the task runs as %q: %v", o.Actor, err))
	}
	if !who.May(may) {
		return adapters.Fail("denied", fmt.Sprintf("%q may not list %s", o.Actor, output))
	}
	parameters := o.Incoming.Get("queryParameters")
	if !parameters.IsObject() {
		parameters = value.Object()
	}
	body := value.Object("queryParameters", parameters).AppendJSON(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/operations-manager/"+output, bytes.NewReader(body))
	if err != nil {
		return adapters.Fail(engine.ClassInternal, err.Error())
	}
	req.Header.Set("Content-Type", "application/json")
	v, err := list(&call{Context: s.echo.NewContext(req, nil), Server: s, who: who})
	if err != nil {
		return adapters.Fail(engine.ClassInput, decide(err).text)
	}
	return adapters.Result{State: workflows.Success, Outgoing: value.Object(output, v.Get("data"), "total", v.Path("metadata", "total"))}
}
