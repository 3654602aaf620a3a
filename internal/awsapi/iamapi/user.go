package iamapi

import (
	"context"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

// User is a user of an answer.
type User struct {
	Path                string
	UserName            string
	UserID              string `xml:"UserId" json:"UserId"`
	Arn                 string
	CreateDate          string
	PermissionsBoundary *Boundary  `xml:",omitempty" json:",omitempty"`
	Tags                *List[Tag] `xml:",omitempty" json:",omitempty"`
}

func user(u iam.User) User {
	return User{Path: u.Path, UserName: u.Name, UserID: u.ID, Arn: u.ARN, CreateDate: timestamp(u.Created),
		PermissionsBoundary: boundary(u.Boundary), Tags: optionalTags(u.Tags)}
}

// listedUser is a user as lists show it.
func listedUser(u iam.User) User {
	u.Boundary, u.Tags = "", nil
	return user(u)
}

// UserOutput is the answer of CreateUser and GetUser.
type UserOutput struct{ User User }

// UserListOutput is the answer of ListUsers.
type UserListOutput struct {
	Users List[User]
	Truncation
}

func (a api) users(ops map[string]wire.QueryOperation) {
	ops["CreateUser"] = wire.QueryOp(a.createUser)
	ops["GetUser"] = wire.QueryOp(a.getUser)
	ops["ListUsers"] = wire.QueryOp(a.listUsers)
	ops["UpdateUser"] = wire.QueryOp(a.updateUser)
	ops["DeleteUser"] = wire.QueryOp(a.deleteUser)
	ops["ListGroupsForUser"] = wire.QueryOp(a.listGroupsForUser)
}

func (a api) createUser(ctx context.Context, in *struct {
	UserName, Path, PermissionsBoundary string
	Tags                                []Tag
}) (*UserOutput, error) {
	u, err := a.iam.CreateUser(ctx, iam.NewUser{Name: in.UserName, Path: in.Path, Boundary: in.PermissionsBoundary, Tags: given(in.Tags)})
	return &UserOutput{user(u)}, err
}

func (a api) getUser(ctx context.Context, in *struct{ UserName string }) (*UserOutput, error) {
	u, err := a.iam.GetUser(ctx, in.UserName)
	return &UserOutput{user(u)}, err
}

// listInput is the request of a list of everything under a path.
type listInput struct {
	PathPrefix string
	Paging
}

func (a api) listUsers(ctx context.Context, in *listInput) (*UserListOutput, error) {
	users, next, err := a.iam.ListUsers(ctx, in.PathPrefix, in.page())
	return &UserListOutput{listOf(users, listedUser), truncation(next)}, err
}

func (a api) updateUser(ctx context.Context, in *struct{ UserName, NewUserName, NewPath string }) (*nothing, error) {
	return nil, a.iam.UpdateUser(ctx, in.UserName, in.NewUserName, in.NewPath)
}

func (a api) deleteUser(ctx context.Context, in *struct{ UserName string }) (*nothing, error) {
	return nil, a.iam.DeleteUser(ctx, in.UserName)
}

func (a api) listGroupsForUser(ctx context.Context, in *struct {
	UserName string
	Paging
}) (*GroupListOutput, error) {
	groups, next, err := a.iam.ListGroupsForUser(ctx, in.UserName, in.page())
	return &GroupListOutput{listOf(groups, group), truncation(next)}, err
}
