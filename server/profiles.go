package server

import (
	"errors"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Profiles and prebuilts of Itential Platform mean nothing to Heddle. It keeps them for
// clients that carry them from one server to the next.

// profileDoc is a profile as it is shown: with what the server knows of it beside it.
func profileDoc(doc value.Value) value.Value {
	active := doc.Get("active")
	return value.Object("metadata", value.Object("isActive", value.Bool(active.Truth()), "activeSync", value.Bool(active.Truth())), "profile", doc.Without("_id", "active"))
}

func listProfiles(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Profiles, sort: []store.Order{{Field: "id"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Profiles, q, func(v value.Value) (value.Value, error) { return profileDoc(v), nil })
	return p.results(), err
}

func getProfile(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Profiles, "profile", c.text("id"))
	return profileDoc(doc), err
}

// createProfile stores {"properties": document}, whose member "id" is its name.
func createProfile(c *call) (value.Value, error) {
	doc, err := c.member("properties", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	id := doc.Get("id")
	if id.Text() == "" {
		return value.Absent, badAt("/properties/id", "required", "A profile needs a text \"id\".")
	}
	doc = doc.With("_id", id).Without("active")
	err = c.save(store.Profiles, "profile", doc, store.New)
	if conflict, ok := errors.AsType[*store.Conflict](err); ok && conflict.Reason == store.AlreadyExists {
		err = refuse(clash, "profile with id %q already exists", id.Text())
	}
	return created("profile", doc.Without("_id")), err
}

// updateProfile replaces a profile by {"properties": document}.
func updateProfile(c *call) (value.Value, error) {
	doc, err := c.member("properties", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	old, revision, err := c.stored(store.Profiles, "profile", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	doc = doc.With("_id", old.Get("_id")).With("id", old.Get("id")).With("active", old.Get("active"))
	if err := c.save(store.Profiles, "profile", doc, revision); err != nil {
		return value.Absent, err
	}
	return value.Object("status", value.String("Success"), "message", value.String("Successfully updated profile"), "data", doc.Without("_id", "active")), nil
}

// activateProfile marks a profile as the active one, and no other.
func activateProfile(c *call) (value.Value, error) {
	doc, revision, err := c.stored(store.Profiles, "profile", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	others, err := c.Store.Find(c.Request().Context(), store.Profiles, store.Query{
		Where: store.And{store.Where("active", store.Eq, true), store.Where(store.ID, store.Ne, c.text("id"))}, NoTotal: true,
	})
	if err != nil {
		return value.Absent, err
	}
	w, err := c.write(store.Profiles, doc.With("active", value.True), revision)
	if err != nil {
		return value.Absent, err
	}
	writes := []store.Write{w}
	for _, d := range others.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return value.Absent, err
		}
		if w, err = c.write(store.Profiles, v.Without("active"), d.Revision); err != nil {
			return value.Absent, err
		}
		writes = append(writes, w)
	}
	err = c.commit(c.Request().Context(), "profile", doc, writes...)
	return value.Object("status", value.String("Success"), "message", value.String("Successfully activated profile")), err
}

func deleteProfile(c *call) (value.Value, error) {
	doc, revision, err := c.stored(store.Profiles, "profile", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if doc.Get("active").Truth() {
		return value.Absent, refuse(clash, "profile %q is active; activate another first", c.text("id"))
	}
	err = c.commit(c.Request().Context(), "profile", doc, store.Write{Collection: store.Profiles, ID: c.text("id"), Expect: revision})
	return value.Object("status", value.String("Success"), "message", value.String("Successfully deleted profile")), err
}

// prebuiltDoc is the short form of a stored prebuilt: its package's metadata and manifest.
func prebuiltDoc(doc value.Value) value.Value {
	metadata := doc.Path("package", "metadata")
	var components []value.Value
	for _, a := range doc.Path("package", "manifest", "artifacts").Elements() {
		components = append(components, value.Object("id", a.Get("id"), "name", a.Get("name"), "type", a.Get("type")))
	}
	out := value.Object("_id", doc.Get("_id"), "components", value.Array(components...), "manifest", orElse(doc.Path("package", "manifest"), value.Object()),
		"readme", value.String(doc.Path("package", "readme").Text()), "installed", doc.Get("created"), "installedBy", doc.Get("createdBy"))
	return overlay(out, metadata)
}

func listPrebuilts(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Prebuilts, plain: []string{"name"}, sort: []store.Order{{Field: "name"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Prebuilts, q, func(v value.Value) (value.Value, error) { return prebuiltDoc(v), nil })
	return p.results(), err
}

func getPrebuilt(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Prebuilts, "prebuilt", c.text("id"))
	return prebuiltDoc(doc), err
}

// exportPrebuilt answers the package as it was imported.
func exportPrebuilt(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Prebuilts, "prebuilt", c.text("id"))
	return doc.Get("package"), err
}

// importPrebuilt stores {"prebuilt": package, "options": {"overwrite"}}.
func importPrebuilt(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	pack, err := need(body, "prebuilt", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	name := pack.Path("metadata", "name")
	if name.Text() == "" {
		return value.Absent, badAt("/prebuilt/metadata/name", "required", "A prebuilt needs a text \"name\" in its metadata.")
	}
	doc := value.Object("_id", value.String(library.NewID()), "name", name, "version", orNull(pack.Path("metadata", "version")), "package", pack)
	expect := store.New
	old, err := c.Store.Find(c.Request().Context(), store.Prebuilts, store.Query{Where: store.Where("name", store.Eq, name.Text()), Limit: 1, NoTotal: true})
	if err != nil {
		return value.Absent, err
	}
	if len(old.Docs) > 0 {
		if !body.Path("options", "overwrite").Truth() {
			return value.Absent, refuse(clash, "prebuilt with name %q already exists", name.Text())
		}
		doc, expect = doc.With("_id", value.String(old.Docs[0].ID)), old.Docs[0].Revision
	}
	doc = c.stamped(doc)
	if err := c.save(store.Prebuilts, "prebuilt", doc, expect); err != nil {
		return value.Absent, err
	}
	return value.Object("status", value.String("Success"), "message", value.String("Successfully imported prebuilt"), "data", prebuiltDoc(doc)), nil
}

func deletePrebuilt(c *call) (value.Value, error) {
	doc, revision, err := c.stored(store.Prebuilts, "prebuilt", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	err = c.commit(c.Request().Context(), "prebuilt", doc, store.Write{Collection: store.Prebuilts, ID: c.text("id"), Expect: revision})
	return value.Object("status", value.String("Success"), "message", value.String("Successfully deleted prebuilt"), "data", prebuiltDoc(doc)), err
}
