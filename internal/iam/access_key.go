package iam

import (
	"context"

	"github.com/heliograph/heliograph/internal/errs"
)

// CreateAccessKey makes a key for a user, the caller if user is "", and returns
// it with its secret, which can't be had again.
func (s *Service) CreateAccessKey(ctx context.Context, user string) (AccessKey, Key, error) {
	user, err := s.ownerOfKeys(ctx, "iam:CreateAccessKey", user)
	if err != nil {
		return AccessKey{}, Key{}, err
	}
	var made AccessKey
	var key Key
	err = s.change(ctx, func(ctx context.Context) error {
		if _, err := s.dir.users.get(ctx, user); err != nil {
			return err
		}
		made, key, err = s.access.create(ctx, user)
		return err
	})
	return made, key, err
}

// ownerOfKeys authorises an action on the keys of a user, the caller if user is
// "", and returns the user's name.
func (s *Service) ownerOfKeys(ctx context.Context, action, user string) (string, error) {
	user, err := s.findUserName(ctx, action, user)
	if err != nil {
		return "", err
	}
	_, err = s.find(ctx, action, Entity{UserEntity, user})
	return user, err
}

// ListAccessKeys returns the keys of a user, the caller if user is "", the
// oldest first, without their secrets.
func (s *Service) ListAccessKeys(ctx context.Context, user string, page Page) ([]AccessKey, string, error) {
	user, err := s.ownerOfKeys(ctx, "iam:ListAccessKeys", user)
	if err != nil {
		return nil, "", err
	}
	keys, err := s.access.list(ctx, user)
	if err != nil {
		return nil, "", err
	}
	return CutInOrder(keys, page)
}

// UpdateAccessKey lets a key of a user, the caller if user is "", sign or not.
func (s *Service) UpdateAccessKey(ctx context.Context, user, id, status string) error {
	user, err := s.ownerOfKeys(ctx, "iam:UpdateAccessKey", user)
	if err != nil {
		return err
	}
	if status != "Active" && status != "Inactive" {
		return constraint(status, "status", "Member must satisfy enum value set: [Active, Inactive]")
	}
	return s.change(ctx, func(ctx context.Context) error { return s.access.setActive(ctx, user, id, status == "Active") })
}

// DeleteAccessKey removes a key of a user, the caller if user is "", for good.
func (s *Service) DeleteAccessKey(ctx context.Context, user, id string) error {
	user, err := s.ownerOfKeys(ctx, "iam:DeleteAccessKey", user)
	if err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error { return s.access.remove(ctx, user, id) })
}

// AccessKeyLastUsed returns whose key it is, and its last use.
func (s *Service) AccessKeyLastUsed(ctx context.Context, id string) (AccessKey, error) {
	var key AccessKey
	owner := entityDoc{Path: "/"}
	missing := error(errs.New(errs.NotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", clip(id)))
	if s.access != nil {
		found, err := s.access.get(ctx, id)
		switch {
		case err == nil && found.ID == id:
			key, missing = found, nil
			owner, err = s.readEntity(ctx, Entity{UserEntity, key.User})
			if err != nil {
				return AccessKey{}, err
			}
		case err != nil && !errs.Is(err, errs.NotFound):
			return key, err
		}
	}
	ctx = withResource(ctx, owner.Tags, owner.Boundary)
	if err := s.Authorize(ctx, "iam:GetAccessKeyLastUsed", s.arnOf(UserEntity, owner.Path, key.User)); err != nil {
		return AccessKey{}, err
	}
	return key, missing
}
