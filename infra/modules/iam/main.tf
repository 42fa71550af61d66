# Roles as data: who may take them, and what they may do. No action and no resource may be `*` (validated, and again by
# infra/policy over the whole plan); where AWS has no resource to name, the statement says so by `anywhere`.
data "aws_iam_policy_document" "trust" {
  for_each = var.roles

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = each.value.service == null ? "AWS" : "Service"
      identifiers = each.value.service == null ? ["arn:aws:iam::${var.account}:root"] : ["${each.value.service}.amazonaws.com"]
    }

    # Only for this account: a service must not be talked into using the role by somebody else.
    dynamic "condition" {
      for_each = each.value.service == null ? [] : [var.account]

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

data "aws_iam_policy_document" "may" {
  for_each = { for name, role in var.roles : name => role if length(role.may) > 0 }

  dynamic "statement" {
    for_each = each.value.may

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.anywhere == null ? statement.value.resources : ["*"]

      dynamic "condition" {
        for_each = statement.value.only

        content {
          test     = "StringEquals"
          variable = condition.key
          values   = [condition.value]
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = var.roles

  name                 = "${var.name}-${each.key}"
  description          = each.value.description
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "this" {
  for_each = data.aws_iam_policy_document.may

  name   = "may"
  role   = aws_iam_role.this[each.key].id
  policy = each.value.json
}
