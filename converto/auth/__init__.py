"""Who a person is, which company they act for, and what they may do there."""
